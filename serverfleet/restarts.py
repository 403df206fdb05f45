"""What the supervisor tells the application: which process ended, and why.

The supervisor knows no database. It leaves a note for each end in the data folder, and
the next worker or beat that finds it makes an event of it. Standard library only.
"""

import contextlib
import fcntl
import json
import os
import time
from collections.abc import Generator
from pathlib import Path
from typing import Final

FOLDER: Final = "ended"
# A program that ends at once, for hours: the first of them tell it all.
MOST_NOTES: Final = 200
MOST_BYTES: Final = 4000


def leave_note(folder: Path, text: str) -> None:
    """Leave a note; where the disk is full the log has it alone."""
    notes = folder / FOLDER
    name = f"{time.time_ns()}-{os.getpid()}"
    with contextlib.suppress(OSError):
        notes.mkdir(mode=0o700, exist_ok=True)
        if len(os.listdir(notes)) >= MOST_NOTES:
            return
        # A note appears whole.
        whole = notes / f".{name}"
        whole.write_text(json.dumps({"text": text}), encoding="utf-8")
        whole.rename(notes / f"{name}.json")


def take_notes(folder: Path) -> Generator[tuple[str, str]]:
    """Yield each note's id and text, the oldest first; what was yielded is gone.

    A note goes once the caller asks for the next: what fails meanwhile is found again.
    One process at a time; another finds nothing.
    """
    notes = folder / FOLDER
    try:
        lock = os.open(notes, os.O_RDONLY)
    except OSError:  # nothing has ended yet
        return
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        for path in sorted(notes.glob("[0-9]*.json")):
            yield path.stem, _read(path)
            path.unlink(missing_ok=True)
    except BlockingIOError:
        return
    finally:
        os.close(lock)


def _read(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return str(json.loads(file.read(MOST_BYTES))["text"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""
