"""The sandbox's world: its instances and calls, in one SQLite file.

Nothing has to run for time to pass in it: each row records when the instance was
created, became visible, booted and ended. What a reader sees is computed from the
clock.
"""

import json
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from servers.clouds.sandbox.records import Row, Volume
from servers.clouds.sandbox.world_file import close_file, open_file

# The log of calls is trimmed to this many from time to time.
CALLS_KEPT: Final = 100_000


def world_path(folder: str | Path, name: str) -> Path:
    """Return the file of the world ``name`` in ``folder``."""
    return Path(folder) / f"{name}.sqlite3"


class World:
    """One world. Any number of threads and processes can open it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def _connection(self) -> sqlite3.Connection:
        return open_file(self.path)

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """Lock the world for one short transaction. Never sleep inside."""
        connection = self._connection()
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield connection
        except BaseException:
            connection.execute("ROLLBACK")
            raise
        connection.execute("COMMIT")

    def close(self) -> None:
        """Close this thread's connection."""
        close_file(self.path)

    # What the driver needs

    def identity(self) -> str:
        """Return the id of the account, created with the world."""
        (value,) = (
            self._connection()
            .execute("SELECT value FROM facts WHERE name = 'identity'")
            .fetchone()
        )
        return str(value)

    def count_call(self, operation: str, region: str, now: float) -> int:
        """Record a call, and return its number, which increases by one each time."""
        cursor = self._connection().execute(
            "INSERT INTO calls (operation, region, at) VALUES (?, ?, ?)",
            (operation, region, now),
        )
        number = cursor.lastrowid or 0
        if number % 1000 == 0:
            self._connection().execute(
                "DELETE FROM calls WHERE number <= ?", (number - CALLS_KEPT,)
            )
            self._connection().execute(
                "DELETE FROM instances WHERE forgotten_at < ?", (now - 86400,)
            )
        return number

    def count_recent(self, operation: str, since: float) -> int:
        """Return the number of calls of a kind after ``since``."""
        (count,) = (
            self._connection()
            .execute(
                "SELECT count(*) FROM calls WHERE operation = ? AND at > ?",
                (operation, since),
            )
            .fetchone()
        )
        return int(count)

    def insert(self, connection: sqlite3.Connection, **columns: Any) -> None:
        """Record an instance. It exists from ``made_at`` on."""
        columns["tags"] = json.dumps(columns["tags"], sort_keys=True)
        given = connection.execute(
            "SELECT number, address FROM addresses ORDER BY number LIMIT 1"
        ).fetchone()
        if given:
            number, columns["given_address"] = given
            connection.execute("DELETE FROM addresses WHERE number = ?", (number,))
        names = ", ".join(columns)
        marks = ", ".join("?" * len(columns))
        connection.execute(
            f"INSERT INTO instances ({names}) VALUES ({marks})",  # noqa: S608 - own names
            tuple(columns.values()),
        )

    def update(
        self,
        connection: sqlite3.Connection,
        columns: Mapping[str, Any],
        where: str,
        values: tuple[Any, ...],
    ) -> bool:
        """Change the rows that match a trusted SQL condition, and tell if any did."""
        changes = ", ".join(f"{name} = ?" for name in columns)
        cursor = connection.execute(
            f"UPDATE instances SET {changes} WHERE {where}",  # noqa: S608 - own names
            (*columns.values(), *values),
        )
        return cursor.rowcount > 0

    def select(self, where: str = "1", values: tuple[Any, ...] = ()) -> list[Row]:
        """Return the rows that match a trusted SQL condition."""
        connection = self._connection()
        cursor = connection.execute(
            f"SELECT * FROM instances WHERE {where} ORDER BY number",  # noqa: S608
            values,
        )
        names = [column[0] for column in cursor.description]
        rows = []
        for values_ in cursor:
            columns = dict(zip(names, values_, strict=True))
            columns["tags"] = json.loads(columns["tags"])
            rows.append(Row(**columns))
        return rows

    def keep_user_data(
        self, connection: sqlite3.Connection, instance_id: str, text: str
    ) -> None:
        """Keep what an instance was created with, in a transaction. "" removes it.

        Only if that was asked for: it can hold secrets, and this file is not encrypted.
        """
        connection.execute("DELETE FROM user_data WHERE id = ?", (instance_id,))
        keeps = connection.execute(
            "SELECT 1 FROM facts WHERE name = 'keeps_user_data'"
        ).fetchone()
        if text and keeps:
            connection.execute(
                "INSERT INTO user_data VALUES (?, ?)", (instance_id, text)
            )

    def ask_for_user_data(self) -> None:
        """Keep the user data of all instances that are created from now on."""
        with self.writing() as connection:
            connection.execute(
                "INSERT OR IGNORE INTO facts VALUES ('keeps_user_data', '1')"
            )

    def read_user_data(self, instance_id: str) -> str:
        """Return the user data of an instance, as its metadata service would."""
        found = (
            self._connection()
            .execute("SELECT text FROM user_data WHERE id = ?", (instance_id,))
            .fetchone()
        )
        return str(found[0]) if found else ""

    def leave_volume(
        self, connection: sqlite3.Connection, row: Row, made_at: float
    ) -> None:
        """Create a leftover volume with an instance's tags, in a transaction."""
        connection.execute(
            "INSERT OR IGNORE INTO volumes VALUES (?, ?, ?, ?)",
            (f"vol-{row.id}", row.region, json.dumps(row.tags), made_at),
        )

    def volumes(self, region: str, now: float) -> list[Volume]:
        """Return the volumes that exist in a region at ``now``."""
        rows = self._connection().execute(
            "SELECT id, region, tags FROM volumes WHERE region = ? AND made_at <= ?",
            (region, now),
        )
        return [Volume(id_, where, json.loads(tags)) for id_, where, tags in rows]

    def delete_volume(self, volume_id: str) -> None:
        """Delete a volume."""
        self._connection().execute("DELETE FROM volumes WHERE id = ?", (volume_id,))

    # For tests and drills

    def give_addresses(self, *addresses: str) -> None:
        """Have the next instances get these addresses, one each.

        So that something real can answer there: the sandbox's own addresses are
        nowhere.
        """
        with self.writing() as connection:
            connection.executemany(
                "INSERT INTO addresses (address) VALUES (?)",
                [(each,) for each in addresses],
            )

    def instances(self) -> list[Row]:
        """Return all instances that are still recorded."""
        return self.select()

    def live(self, now: float) -> list[Row]:
        """Return all instances that would be billed at ``now``."""
        return [
            row
            for row in self.select("forgotten_at IS NULL OR forgotten_at > ?", (now,))
            if row.made_at <= now and row.status(now) != "terminated"
        ]

    def calls(self) -> list[tuple[str, str, float]]:
        """Return (operation, region, time) of each call, oldest first."""
        return list(
            self._connection().execute(
                "SELECT operation, region, at FROM calls ORDER BY number"
            )
        )
