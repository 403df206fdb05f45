"""Notes from the supervisor to the application: which process ended, and why.

The supervisor does not use the database. It leaves a note for each end in the data
folder, and the next worker or scheduler that finds it writes an event. Standard library
only.
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
# If a program keeps ending at once for hours, the first notes are enough.
MAX_NOTES: Final = 200
MAX_BYTES: Final = 4000


def leave_note(folder: Path, text: str) -> None:
    """Leave a note. If the disk is full, only the log has it."""
    notes = folder / FOLDER
    name = f"{time.time_ns()}-{os.getpid()}"
    with contextlib.suppress(OSError):
        notes.mkdir(mode=0o700, exist_ok=True)
        if len(os.listdir(notes)) >= MAX_NOTES:
            return
        # Renaming makes the whole note appear at once.
        whole = notes / f".{name}"
        whole.write_text(json.dumps({"text": text}), encoding="utf-8")
        whole.rename(notes / f"{name}.json")


def take_notes(folder: Path) -> Generator[tuple[str, str]]:
    """Yield each note's id and text, oldest first, and delete it afterwards.

    A note is deleted when the caller asks for the next one, so it is found again if the
    caller fails. Only one process at a time gets notes; others get none.
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
            return str(json.loads(file.read(MAX_BYTES))["text"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""
