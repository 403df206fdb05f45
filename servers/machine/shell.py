"""The shell scripts that instances get. What they weigh counts as user data."""

import re
from typing import Final

_COMMENT: Final = re.compile(r"^ *#(?!!).*\n", re.MULTILINE)


def drop_comments(script: str) -> str:
    """Return a script without the lines that are comments. It has no here-documents."""
    return _COMMENT.sub("", script)
