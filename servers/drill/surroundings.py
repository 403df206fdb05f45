"""The environment of a drill's copy: a folder, keys and a database of its own."""

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from servers.drill.postgresql import PostgreSQL
from servers.drill.service import ROOT

MARK: Final = "drill"
# Names the folder of the copy's own PostgreSQL server, if it has one.
POSTGRES: Final = "SERVERFLEET_DRILL_POSTGRES"


@contextlib.contextmanager
def surroundings(*, database: str, keep: bool = False) -> Iterator[dict[str, str]]:
    """Prepare the copy's environment and yield it, with nothing of this fleet in it.

    ``database`` is *sqlite* or *postgresql*. With ``keep``, the folder stays. Raises
    MissingServerError.
    """
    # A short path, since the broker's socket is in it.
    folder = Path(tempfile.mkdtemp(prefix="sfd-", dir="/tmp"))
    env = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("SERVERFLEET_", "DATABASE_", "REDIS_", "BROKER_"))
    }
    env |= {
        "SERVERFLEET_DATA": str(folder),
        "SERVERFLEET_WORKERS": "2",
        # Some instances never boot. Their servers must end during the drill.
        "SERVERFLEET_BOOT_DEADLINE": "15",
        "SERVERFLEET_HEALTH_INTERVAL": "0.7",
        "SERVERFLEET_DRAIN_RECHECK": "1",
        "SERVERFLEET_HTTPS": "0",
    }
    with contextlib.ExitStack() as stack:
        if not keep:
            stack.callback(shutil.rmtree, folder, ignore_errors=True)
        _prepare_folder(folder)
        if database == "postgresql":
            server = stack.enter_context(PostgreSQL.kept_alive())
            env |= {
                "DATABASE_URL": server.create_database(),
                POSTGRES: str(server.folder),
            }
        yield env


def find_postgres_folder() -> Path | None:
    """Return the folder of the copy's own PostgreSQL server, inside the copy."""
    found = os.environ.get(POSTGRES)
    return Path(found) if found else None


def _prepare_folder(folder: Path) -> None:
    """Create the keys that the settings need, as a first start does."""
    subprocess.run(
        [sys.executable, "-m", "serverfleet.run.data_folder", str(folder)],
        cwd=ROOT,
        check=True,
    )
    (folder / MARK).touch()
