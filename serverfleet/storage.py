"""Where the data folder, the keys and the database are: the environment decides."""

from pathlib import Path
from typing import Any

from django.core.exceptions import ImproperlyConfigured

from serverfleet import env


def find_data_dir(base: Path) -> Path | None:
    """Return the data folder: SERVERFLEET_DATA, or var/ if `make run` created it."""
    named = env.read_text("SERVERFLEET_DATA")
    if named:
        return Path(named).expanduser().resolve()
    made = base / "var"
    return made if (made / "lock").exists() or (made / "keys").is_dir() else None


def read_key(folder: Path | None, variable: str, file: str) -> str:
    """Return a key from the environment, or from the data folder's keys/."""
    text = env.read_secret(variable)
    if not text and folder is not None:
        path = folder / "keys" / file
        try:
            text = path.read_text(encoding="ascii").strip() if path.exists() else ""
        except (OSError, UnicodeDecodeError):
            raise ImproperlyConfigured(
                f"The key file {path} can't be read. Make it readable for this user."
            ) from None
    if not text:
        raise ImproperlyConfigured(
            f"{variable} is not set. Set it (or {variable}_FILE), or set "
            "SERVERFLEET_DATA to a data folder that `make run` created."
        )
    return text


def find_database(folder: Path | None) -> dict[str, Any]:
    """Return Django's settings of PostgreSQL, or of SQLite in the data folder."""
    if url := env.read_secret("DATABASE_URL"):
        database = env.parse_database_url(url)
        options: Any = database["OPTIONS"]
        # Parameters in the URL override these.
        database["OPTIONS"] = {
            "connect_timeout": 5,
            "options": "-c statement_timeout=30000 -c lock_timeout=20000 "
            "-c idle_in_transaction_session_timeout=60000",
        } | options
        return database | {"CONN_MAX_AGE": 60, "CONN_HEALTH_CHECKS": True}
    if folder is None:
        raise ImproperlyConfigured(
            "No database is configured. Set DATABASE_URL, or set SERVERFLEET_DATA to a "
            "data folder."
        )
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": folder / "serverfleet.sqlite3",
        "CONN_MAX_AGE": None,
        "OPTIONS": {
            "timeout": 20,
            # With eight writers, DEFERRED gave lock errors and IMMEDIATE none.
            "transaction_mode": "IMMEDIATE",
            # FULL: answered requests must survive a power cut.
            "init_command": (
                "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; "
                "PRAGMA foreign_keys=ON;"
            ),
        },
    }
