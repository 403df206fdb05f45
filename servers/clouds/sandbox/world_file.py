"""The file of a sandbox's world: its tables, and a connection to it for each thread."""

import os
import secrets
import sqlite3
import threading
from pathlib import Path
from typing import Final

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS instances (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    region TEXT NOT NULL,
    name TEXT NOT NULL,
    image TEXT NOT NULL,
    size TEXT NOT NULL,
    tags TEXT NOT NULL,
    key TEXT NOT NULL,
    sent_at REAL NOT NULL,
    made_at REAL NOT NULL,
    visible_at REAL NOT NULL,
    active_at REAL,
    moved_at REAL,
    failed_at REAL,
    stopped_at REAL,
    deleting_at REAL,
    gone_at REAL,
    forgotten_at REAL,
    off_until REAL,
    user_data_sha256 TEXT,
    given_address TEXT,
    interrupted_at REAL
);
CREATE TABLE IF NOT EXISTS addresses (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    address TEXT NOT NULL
);
-- Apart, because listings read all columns of the instances.
CREATE TABLE IF NOT EXISTS user_data (id TEXT PRIMARY KEY, text TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS instances_by_key ON instances (key);
CREATE INDEX IF NOT EXISTS instances_by_end ON instances (forgotten_at);
CREATE TABLE IF NOT EXISTS volumes (
    id TEXT PRIMARY KEY,
    region TEXT NOT NULL,
    tags TEXT NOT NULL,
    made_at REAL NOT NULL
);
CREATE TABLE IF NOT EXISTS calls (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    operation TEXT NOT NULL,
    region TEXT NOT NULL,
    at REAL NOT NULL
);
"""
_BUSY_SECONDS: Final = 20.0

_local = threading.local()


def open_file(path: Path) -> sqlite3.Connection:
    """Return this thread's connection to a world, never one from before a fork.

    The file is created if it does not exist, and upgraded if it is from an older
    version.
    """
    connection = _opened().get((os.getpid(), path))
    if connection is None or not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        connection = sqlite3.connect(path, timeout=_BUSY_SECONDS, isolation_level=None)
        connection.execute("PRAGMA journal_mode=WAL")
        # The world need not survive a power cut, only its processes.
        connection.execute("PRAGMA synchronous=NORMAL")
        connection.executescript(_SCHEMA)
        _add_columns(connection)
        connection.execute(
            "INSERT OR IGNORE INTO facts VALUES ('identity', ?)",
            (f"sandbox-{secrets.token_hex(6)}",),
        )
        _opened()[os.getpid(), path] = connection
    return connection


def close_file(path: Path) -> None:
    """Close this thread's connection to a world, if it has one."""
    connection = _opened().pop((os.getpid(), path), None)
    if connection is not None:
        connection.close()


def _opened() -> dict[tuple[int, Path], sqlite3.Connection]:
    """Return this thread's connections, by process and file."""
    found: dict[tuple[int, Path], sqlite3.Connection] = _local.__dict__.setdefault(
        "opened", {}
    )
    return found


def _add_columns(connection: sqlite3.Connection) -> None:
    """Upgrade a file from an older version."""
    rows = connection.execute("PRAGMA table_info(instances)").fetchall()
    known = {row[1] for row in rows}
    for name in (
        "moved_at",
        "failed_at",
        "stopped_at",
        "off_until",
        "interrupted_at",
    ):
        if name not in known:
            connection.execute(f"ALTER TABLE instances ADD COLUMN {name} REAL")
    for name in ("user_data_sha256", "given_address"):
        if name not in known:
            connection.execute(f"ALTER TABLE instances ADD COLUMN {name} TEXT")
