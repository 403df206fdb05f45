"""The database triggers that bump the stamps and the version of each server.

The database does this, not the code: if code forgot to bump a stamp, stale data would
be served forever. Each stamp becomes at least the time in milliseconds. So a value is
never repeated, not even after a restored backup.

On PostgreSQL, deferred constraint triggers bump the stamps at the end of the
transaction. The lock on the one stamp row is then the last that any transaction takes,
so there can be no deadlock, and it is held only during the commit. A SQLite transaction
has the whole database to itself.

``migrate`` installs the triggers at its end, when the tables are final: SQLite drops a
table's triggers whenever a migration rebuilds the table.
"""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.db import connections, models

from servers import models as app
from servers.freshness.stamps import NAMES

_PREFIX: Final = "stamp_"

# Columns that the list of servers shows or depends on.
SERVED: Final = [
    "instance_id",
    "provider",
    "state",
    "name",
    "image",
    "region",
    "size",
    "address",
    "capacity",
    "secret",
    "error",
    "ca_key",
    "ca_cert",
    "tls_key",
    "tls_cert",
    "created_at",
    "updated_at",
    "started_at",
    "stopped_at",
    "hidden",
]
# Columns that change all the time and that no page shows.
_UNSHOWN: Final = {
    app.Server: "fence lease_until lease_by next_step_at deadline_at failures "
    "tried_from pending_left planned_at version",
    app.Location: "fence lease_until lease_by next_listing_at listed_from compared_at "
    "leftovers_at failures",
    app.Fleet: "ticked_at key_check purge_fence purge_lease_until",
    app.Account: "credentials breaker_failures breaker_failed_at",
    app.Token: "last_used_at",
    app.Instance: "missed_from next_step_at summed_until",
    app.Attempt: "looked_at lease_end",
    app.Catalogue: "asked_at content named",
    app.Host: "checked_at heartbeat_at",
    app.Pool: "memo fence planned_at next_plan_at totals",
    # Its pages are sent again by time: a queue may show other jobs each second.
    app.Queue: "credentials generation fence lease_until lease_by next_read_at "
    "read_from answered_at failures jobs agents seq digest expires_at cordons "
    "runners_after runners_at strays",
    app.Registration: "environment tried_at",
}
# Columns of an account that ServerFleet observes, not settings.
_FOUND: Final = (
    "throttled_until breaker breaker_note breaker_failures breaker_until "
    "breaker_failed_at"
)
_SHOWN: Final = (
    app.Server,
    app.Event,
    app.Account,
    app.Location,
    app.Template,
    app.TemplatePlacement,
    app.TemplateVersion,
    app.VersionPlacement,
    app.Fleet,
    app.Instance,
    app.Leftover,
    app.Catalogue,
    app.Attempt,
    app.Host,
    app.Token,
    app.SavedView,
    app.Pool,
    app.Queue,
    app.Registration,
)


@dataclass(frozen=True, slots=True)
class Watch:
    """Columns of a table, and the stamps that a change to one of them bumps.

    ``rows``: inserts and deletes bump them too.
    """

    table: str
    columns: tuple[str, ...]
    stamps: tuple[str, ...]
    rows: bool = True


def list_watches() -> Iterator[Watch]:
    """Yield all watches."""
    table = app.Server._meta.db_table
    yield Watch(table, tuple(SERVED), ("servers",))
    for model in _SHOWN:
        columns = _columns_of(model, besides=_UNSHOWN.get(model, ""))
        yield Watch(model._meta.db_table, columns, ("pages",))
    yield Watch(
        app.Location._meta.db_table, ("compared_at",), ("listings",), rows=False
    )
    columns = _columns_of(app.Token, besides=_UNSHOWN[app.Token])
    yield Watch(app.Token._meta.db_table, columns, ("tokens",))
    for model in (
        app.Template,
        app.TemplatePlacement,
        app.TemplateVersion,
        app.VersionPlacement,
    ):
        yield Watch(model._meta.db_table, _columns_of(model), ("recipes",))
    columns = _columns_of(app.Account, besides=_FOUND)
    yield Watch(app.Account._meta.db_table, columns, ("recipes",))
    yield Watch(app.Fleet._meta.db_table, ("max_servers",), ("recipes",))
    # If a person is deactivated, their tokens stop working too.
    people = get_user_model()
    table = people._meta.db_table
    yield Watch(table, ("is_active", "is_superuser"), ("tokens",), rows=False)
    # What a page shows depends on the person's rights.
    rights = ("is_active", "is_staff", "is_superuser", "username")
    yield Watch(table, rights, ("pages",), rows=False)
    for field in (
        people._meta.get_field("groups"),
        people._meta.get_field("user_permissions"),
        Group._meta.get_field("permissions"),
    ):
        # A token can do no more than the person who created it.
        yield Watch(field.m2m_db_table(), ("id",), ("pages", "tokens"))


def _columns_of(model: type[models.Model], *, besides: str = "") -> tuple[str, ...]:
    columns = (str(field.column) for field in model._meta.concrete_fields)
    return tuple(column for column in columns if column not in besides.split())


def install_triggers(using: str = "default") -> None:
    """Install the triggers and drop those of other versions. Idempotent."""
    connection = connections[using]
    dialect = _PostgreSQL() if connection.vendor == "postgresql" else _SQLite()
    functions = list(dialect.functions)
    # The names include a hash of the functions, so a changed one means a new trigger.
    wanted = {
        _PREFIX + _digest(body, *functions): body for body in dialect.list_triggers()
    }
    with connection.cursor() as cursor:
        cursor.execute(dialect.find)
        found = dict(cursor.fetchall())
        for name in found.keys() - wanted.keys():
            cursor.execute(dialect.drop.format(name=name, table=found[name]))
        missing = wanted.keys() - found.keys()
        for statement in functions if missing else ():
            cursor.execute(statement)
        for name in missing:
            cursor.execute(wanted[name].format(name=name))


def _digest(*texts: str) -> str:
    return hashlib.sha256("".join(texts).encode()).hexdigest()[:20]


def _any_differs(columns: Iterable[str], differs: str) -> str:
    return " OR ".join(differs.format(column=f'"{column}"') for column in columns)


class _SQLite:
    find = (
        "SELECT name, tbl_name FROM sqlite_master WHERE type = 'trigger' "
        f"AND name LIKE '{_PREFIX}%'"
    )
    drop = 'DROP TRIGGER IF EXISTS "{name}"'
    functions: tuple[str, ...] = ()
    now = "CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)"
    differs = "OLD.{column} IS NOT NEW.{column}"

    def list_triggers(self) -> Iterator[str]:
        for watch in list_watches():
            changed = _any_differs(watch.columns, self.differs)
            bump = self._bump(watch.stamps)
            yield self._on("UPDATE", watch.table, bump, when=changed)
            for what in ("INSERT", "DELETE") if watch.rows else ():
                yield self._on(what, watch.table, bump)
        table = app.Server._meta.db_table
        served = _any_differs(SERVED, self.differs)
        version = (
            f'UPDATE "{table}" SET version = max(OLD.version + 1, {self.now}) '
            "WHERE id = NEW.id;"
        )
        yield self._on("UPDATE", table, version, when=served)
        # Saving a whole row that was read earlier must not restore an old version.
        keep = f'UPDATE "{table}" SET version = OLD.version WHERE id = NEW.id;'
        back = f"NEW.version < OLD.version AND NOT ({served})"
        yield self._on("UPDATE", table, keep, when=back)

    def _on(self, what: str, table: str, body: str, when: str = "") -> str:
        condition = f"WHEN {when} " if when else ""
        return (
            f'CREATE TRIGGER "{{name}}" AFTER {what} ON "{table}" '
            f"{condition}BEGIN {body} END"
        )

    def _bump(self, stamps: tuple[str, ...]) -> str:
        names = ", ".join(stamps)
        values = ", ".join([self.now] * len(stamps))
        grown = ", ".join(
            f"{each} = max(servers_stamp.{each} + 1, excluded.{each})"
            for each in stamps
        )
        others = [each for each in NAMES if each not in stamps]
        return (
            f"INSERT INTO servers_stamp (id, {names}, {', '.join(others)}) "
            f"VALUES (1, {values}, {', '.join('0' for _ in others)}) "
            f"ON CONFLICT (id) DO UPDATE SET {grown};"
        )


class _PostgreSQL:
    find = (
        "SELECT t.tgname, c.relname FROM pg_trigger t "
        "JOIN pg_class c ON c.oid = t.tgrelid "
        "JOIN pg_namespace n ON n.oid = c.relnamespace "
        f"WHERE t.tgname LIKE '{_PREFIX}%' AND n.nspname = current_schema()"
    )
    drop = 'DROP TRIGGER IF EXISTS "{name}" ON "{table}"'
    now = "(extract(epoch FROM clock_timestamp()) * 1000)::bigint"
    differs = "OLD.{column} IS DISTINCT FROM NEW.{column}"

    @property
    def functions(self) -> Iterator[str]:
        for stamp in NAMES:
            others = [each for each in NAMES if each != stamp]
            # Once per transaction is enough, however many rows it changes. The setting
            # ends with the transaction or savepoint that contains the bump.
            done = f"serverfleet.stamped_{stamp}"
            yield (
                f"CREATE OR REPLACE FUNCTION stamp_bump_{stamp}() RETURNS trigger "
                "LANGUAGE plpgsql AS $$ BEGIN "
                f"IF coalesce(current_setting('{done}', true), '') = '' THEN "
                f"INSERT INTO servers_stamp (id, {stamp}, {', '.join(others)}) "
                f"VALUES (1, {self.now}, {', '.join('0' for _ in others)}) "
                f"ON CONFLICT (id) DO UPDATE SET {stamp} = "
                f"greatest(servers_stamp.{stamp} + 1, excluded.{stamp}); "
                f"PERFORM set_config('{done}', '1', true); "
                "END IF; RETURN NULL; END $$"
            )
        served = _any_differs(SERVED, self.differs)
        yield (
            "CREATE OR REPLACE FUNCTION stamp_server_version() RETURNS trigger "
            f"LANGUAGE plpgsql AS $$ BEGIN IF {served} THEN "
            f"NEW.version := greatest(OLD.version + 1, {self.now}); "
            "ELSE NEW.version := OLD.version; END IF; RETURN NEW; END $$"
        )

    def list_triggers(self) -> Iterator[str]:
        for watch in list_watches():
            changed = _any_differs(watch.columns, self.differs)
            for stamp in watch.stamps:
                bump = f"stamp_bump_{stamp}"
                yield self._at_commit("UPDATE", watch.table, bump, when=changed)
                if watch.rows:
                    yield self._at_commit("INSERT OR DELETE", watch.table, bump)
        yield (
            f'CREATE TRIGGER "{{name}}" BEFORE UPDATE ON "{app.Server._meta.db_table}" '
            "FOR EACH ROW EXECUTE FUNCTION stamp_server_version()"
        )

    def _at_commit(self, what: str, table: str, bump: str, when: str = "") -> str:
        condition = f"WHEN ({when}) " if when else ""
        return (
            f'CREATE CONSTRAINT TRIGGER "{{name}}" AFTER {what} ON "{table}" '
            "DEFERRABLE INITIALLY DEFERRED FOR EACH ROW "
            f"{condition}EXECUTE FUNCTION {bump}()"
        )


def install_after_migrate(*, using: str, **_: Any) -> None:
    """Install the triggers after ``migrate``, once all tables exist."""
    tables = connections[using].introspection.table_names()
    if {watch.table for watch in list_watches()} <= set(tables):
        install_triggers(using)
