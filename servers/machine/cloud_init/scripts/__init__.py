"""The programs that user data carries: POSIX shell, each for itself."""

from functools import lru_cache
from pathlib import Path

from servers.machine.shell import drop_comments

_FOLDER = Path(__file__).parent


@lru_cache
def read_script(name: str) -> str:
    """Return the text of one of the scripts in this folder, without comments."""
    return drop_comments((_FOLDER / f"{name}.sh").read_text(encoding="ascii"))
