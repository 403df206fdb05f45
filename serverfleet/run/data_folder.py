"""The data folder of the embedded default: created once, locked while in use.

``python -m serverfleet.run.data_folder FOLDER`` only creates one, with its keys.
"""

import base64
import contextlib
import fcntl
import hashlib
import os
import secrets
import stat
import sys
from collections.abc import Callable
from pathlib import Path
from typing import IO, Final


class StartError(Exception):
    """The reason why ServerFleet can't start, in one sentence."""


# The files in keys/, the setting that replaces each, and how each is generated.
_KEYS: Final[dict[str, tuple[str, Callable[[], str]]]] = {
    "secret-key": ("SERVERFLEET_SECRET_KEY", lambda: secrets.token_urlsafe(50)),
    "encryption-keys": (
        "SERVERFLEET_ENCRYPTION_KEYS",
        lambda: f"k1:{base64.b64encode(os.urandom(32)).decode()}",
    ),
    "installation": ("SERVERFLEET_INSTALLATION_ID", lambda: secrets.token_hex(16)),
}


def prepare_folder(folder: Path, *, with_all_keys: bool = False) -> None:
    """Create the folder (0700), and the missing keys (0600).

    Keys that exist as files or in the settings are left alone: a mounted secret and its
    folder can't be written. With ``with_all_keys`` the settings are ignored.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        _make_keys(folder / "keys", with_all=with_all_keys)
        probe = folder / ".writable"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise StartError(
            f"The data folder {folder} can't be written ({error.strerror}). Make it "
            "writable, or set SERVERFLEET_DATA to another folder."
        ) from None


def _make_keys(keys: Path, *, with_all: bool) -> None:
    missing = [
        (keys / name, generate)
        for name, (setting, generate) in _KEYS.items()
        if (with_all or not _is_given(setting)) and not (keys / name).exists()
    ]
    if not missing:
        return
    keys.mkdir(exist_ok=True, mode=0o700)
    for path, generate in missing:
        _make_key(path, generate())
    _sync_folder(keys)


def _is_given(setting: str) -> bool:
    return bool(os.environ.get(setting) or os.environ.get(f"{setting}_FILE"))


def _sync_folder(folder: Path) -> None:
    """Sync the names of new files to disk: without its key, encrypted data is lost."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _make_key(path: Path, text: str) -> None:
    """Write a key with its final mode from the start. Never overwrite another key."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text + "\n")
        file.flush()
        os.fsync(file.fileno())
    with contextlib.suppress(FileExistsError):
        os.link(temporary, path)
    temporary.unlink()


def place_socket(folder: Path, *, most: int) -> Path:
    """Return the path of the broker's socket: in the folder, if that path is short.

    A unix socket's path can have at most ``most`` bytes. In a deep checkout, the socket
    goes to a private folder of this user instead, under a name that each process can
    compute. That folder is not below TMPDIR, which may differ between processes.
    """
    inside = folder / "broker.sock"
    if len(os.fsencode(inside)) <= most:
        return inside
    name = hashlib.sha256(os.fsencode(folder)).hexdigest()[:16]
    return _private_home() / f"{name}.sock"


def _private_home() -> Path:
    return Path(f"/tmp/serverfleet-{os.getuid()}")  # noqa: S108 - checked before use


def prepare_socket(path: Path) -> None:
    """Create the socket's private folder if needed, and clear the path.

    Everyone can write to /tmp, so a folder that another user created there is refused.
    """
    home = path.parent
    try:
        if home == _private_home():
            home.mkdir(mode=0o700, exist_ok=True)
            status = home.lstat()
            private = stat.S_ISDIR(status.st_mode) and not status.st_mode & 0o077
            if status.st_uid != os.getuid() or not private:
                raise StartError(
                    f"The broker's socket can't be placed in {home}, which is not "
                    "private to this user. Remove that folder, or set "
                    "SERVERFLEET_BROKER_SOCKET."
                )
        path.unlink(missing_ok=True)
    except OSError as error:
        raise StartError(
            f"The broker's socket {path} can't be created ({error.strerror}). Set "
            "SERVERFLEET_BROKER_SOCKET to another path."
        ) from None


def lock_folder(folder: Path) -> IO[str]:
    """Lock the folder for this process. The lock ends with the process in any case."""
    file = (folder / "lock").open("a+", encoding="ascii")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.seek(0)
        pid = file.read().strip() or "unknown"
        raise StartError(
            f"Another ServerFleet (process {pid}) is using {folder}. Stop it, or set "
            "SERVERFLEET_DATA to another folder."
        ) from None
    file.truncate(0)
    file.write(str(os.getpid()))
    file.flush()
    os.set_inheritable(file.fileno(), False)
    return file


if __name__ == "__main__":
    try:
        prepare_folder(Path(sys.argv[1]), with_all_keys=True)
    except StartError as error:
        sys.exit(str(error))
