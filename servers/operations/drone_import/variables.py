"""The file of variables: one NAME=value a line, as Docker and shells read it."""

import re
from typing import Final

from servers.errors import InvalidError

MAX_BYTES: Final = 256 * 1024
_LINE_END: Final = re.compile("\r\n|\n|\r")
_LINE: Final = re.compile(r"\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)=(.*)")
# In either kind of quotes. A comment may follow.
_QUOTED: Final = re.compile(r"""(?:'([^']*)'|"((?:[^"\\]|\\.)*)")(?:\s*|\s+#.*)""")
_COMMENT: Final = re.compile(r"(?:^|\s)#.*")
_ESCAPED: Final = re.compile(r'\\(["\\$`])')


def read_variables(text: str) -> dict[str, str]:
    """Return the variables of a file; the last of a name counts.

    Empty lines, comments (even after a value) and the quotes around a value are left
    out. Raises InvalidError, which never quotes a value.
    """
    if len(text.encode()) > MAX_BYTES:
        raise InvalidError(f"The file is larger than {MAX_BYTES // 1024} KiB.")
    found = {}
    for number, line in enumerate(_LINE_END.split(text), start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        match = _LINE.fullmatch(line)
        if match is None:
            raise InvalidError(f"Line {number} is not NAME=value.")
        found[match[1]] = _read_value(match[2].strip())
    return found


def _read_value(text: str) -> str:
    quoted = _QUOTED.fullmatch(text)
    if quoted is None:
        return _COMMENT.sub("", text).rstrip()
    return quoted[1] if quoted[2] is None else _ESCAPED.sub(r"\1", quoted[2])


def read_list(text: str) -> list[str]:
    """Return the values that commas separate."""
    return [each.strip() for each in text.split(",") if each.strip()]


def read_pairs(text: str) -> dict[str, str]:
    """Return the values of ``name:value,name:value``."""
    pairs = (each.partition(":") for each in read_list(text))
    return {name.strip(): value.strip() for name, _, value in pairs}


def read_flag(text: str) -> bool:
    """Return whether a flag is set, as Go reads it."""
    return text in {"1", "t", "T", "TRUE", "true", "True"}


_UNITS: Final = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9}
_LONGEST: Final = 1e9  # seconds
_MAX_LETTERS: Final = 100
_PART: Final = re.compile(r"([0-9]+(?:\.[0-9]*)?|\.[0-9]+)(ms|us|ns|h|m|s)")


def read_seconds(name: str, text: str) -> int:
    """Return the seconds of a time such as 1h30m, as in Go. Raises InvalidError."""
    if text == "0":  # the only one without a unit
        return 0
    parts = _PART.findall(text[:_MAX_LETTERS])
    seconds = sum(float(number) * _UNITS[unit] for number, unit in parts)
    is_whole = "".join(number + unit for number, unit in parts) == text
    if not parts or not is_whole or seconds > _LONGEST:
        raise InvalidError(f"{name} is not a time such as 55m.")
    return round(seconds)


def read_whole(name: str, text: str, most: int = 1_000_000) -> int:
    """Return a whole number of at least 0. Raises InvalidError."""
    digits = text.lstrip("0")[:10] or text[:1]
    if not text.isascii() or not text.isdigit() or int(digits) > most:
        raise InvalidError(f"{name} is not a whole number from 0 to {most}.")
    return int(digits)
