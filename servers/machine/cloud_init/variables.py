"""The variables of own user data: ``{{ server }}``. There is no other logic.

``{{{{`` stands for two literal braces. What begins with two braces but names no
variable is an error when the template is saved. User data from before that rule is
still sent as it is: an unknown name stays.
"""

import re
from typing import Final

from servers.machine.cloud_init.setup import Names

# Name to meaning, for the docs and the page.
VARIABLES: Final = {
    "server": "the server's name",
    "fleet": "the fleet's id",
    "template": "the template's name",
    "region": "the region of the placement",
    "size": "the size of the placement",
    "capacity": "how many builds the server runs at once",
}
_FOUND: Final = re.compile(r"\{\{\{\{|\{\{[ \t]*([^{}\n]*?)[ \t]*\}\}|\{\{")
_LITERAL: Final = "{{{{"
# A region or a size can be named by a request, and user data runs as root.
_UNSAFE: Final = re.compile(r"[^A-Za-z0-9._-]")


def find_wrong_variable(text: str) -> str:
    """Return what is wrong with the first wrong variable, or ""."""
    for match in _FOUND.finditer(text):
        whole, name = match[0], match[1]
        if whole == _LITERAL or name in VARIABLES:
            continue
        line = text.count("\n", 0, match.start()) + 1
        shown = whole[:60] if name is not None else "{{"
        return (
            f"Line {line}: {shown} is not a variable. Use one of "
            f"{', '.join(VARIABLES)}, or write {{{{{{{{ for two literal braces."
        )
    return ""


def fill_variables(text: str, names: Names) -> str:
    """Return ``text`` with the values of its variables."""
    values = {name: _UNSAFE.sub("_", str(getattr(names, name))) for name in VARIABLES}

    def fill(match: re.Match[str]) -> str:
        if match[0] == _LITERAL:
            return "{{"
        return values.get(match[1] or "", match[0])

    return _FOUND.sub(fill, text)
