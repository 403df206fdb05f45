"""The data folder of the embedded default: made once, locked while in use."""

import base64
import contextlib
import fcntl
import os
import secrets
from pathlib import Path
from typing import IO


class StartError(Exception):
    """Why ServerFleet can't start, in one sentence."""


def prepare_folder(folder: Path) -> None:
    """Make the folder (0700) and the keys (0600) that are not there yet."""
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        keys = folder / "keys"
        keys.mkdir(exist_ok=True, mode=0o700)
        _make_key(keys / "secret-key", secrets.token_urlsafe(50))
        encryption = base64.b64encode(os.urandom(32)).decode()
        _make_key(keys / "encryption-keys", f"k1:{encryption}")
        _make_key(keys / "installation", secrets.token_hex(16))
        probe = folder / ".writable"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise StartError(
            f"The data folder {folder} can't be written ({error.strerror}). Make it "
            "writable, or name another in SERVERFLEET_DATA."
        ) from None


def _make_key(path: Path, text: str) -> None:
    """Write a key with its final mode from the start; never over another."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text + "\n")
        file.flush()
        os.fsync(file.fileno())
    with contextlib.suppress(FileExistsError):
        os.link(temporary, path)
    temporary.unlink()


def lock_folder(folder: Path) -> IO[str]:
    """Hold the folder for this process; the lock ends with it, however it ends."""
    file = (folder / "lock").open("a+", encoding="ascii")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.seek(0)
        pid = file.read().strip() or "unknown"
        raise StartError(
            f"Another ServerFleet (process {pid}) runs on {folder}. Stop it, or name "
            "another folder in SERVERFLEET_DATA."
        ) from None
    file.truncate(0)
    file.write(str(os.getpid()))
    file.flush()
    os.set_inheritable(file.fileno(), False)
    return file
