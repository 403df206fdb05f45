"""The stamps change with every visible change, and with nothing else."""

from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
from django.core.signals import request_started
from django.db import OperationalError, connection, transaction
from django.db.models import F
from django.db.models.functions import Now

from servers.access.tokens import issue_token
from servers.freshness.stamps import Stamps, read_stamps
from servers.freshness.triggers import SERVED, install_triggers, list_watches
from servers.models import Account, Fleet, Location, Server, Template, Token
from servers.models.fields import EncryptedTextField
from servers.records import leases, ledger
from tests.support.fleet import Workshop, make_fleet, provision

pytestmark = pytest.mark.django_db(transaction=True)

OTHER = {
    "id": None,
    "state": "running",
    "capacity": F("capacity") + 1,
    "hidden": True,
    **dict.fromkeys(("created_at", "updated_at", "started_at", "stopped_at"), Now()),
}


@pytest.fixture
def server(workshop: Workshop) -> Server:
    make_fleet()
    return provision()


def stamps() -> Stamps:
    found = read_stamps()
    assert found is not None
    return found


def moved(act: Callable[[], Any]) -> set[str]:
    """Return the stamps that an act raises."""
    before = stamps()
    act()
    after = stamps()
    names = ("servers", "pages", "listings", "tokens")
    return {name for name in names if getattr(after, name) > getattr(before, name)}


@pytest.mark.parametrize("column", SERVED)
def test_each_served_column_changes_the_stamp_and_the_servers_version(
    server: Server, column: str
) -> None:
    field = Server._meta.get_field(column)
    value: Any = OTHER.get(column, "other")
    if isinstance(field, EncryptedTextField):
        value = field.seal("other", server.pk)
    rows = Server.objects.filter(pk=server.pk)
    version = rows.values_list("version", flat=True)
    before = version.get()
    assert moved(lambda: rows.update(**{column: value})) == {"servers", "pages"}
    assert version.get() > before
    if column not in {
        "capacity",
        "updated_at",
        "created_at",
        "started_at",
        "stopped_at",
    }:
        # A time comes back in another notation, which is a change to SQLite.
        again = version.get()
        value = rows.values_list(column, flat=True).get()
        assert moved(lambda: rows.update(**{column: value})) == set()
        assert version.get() == again


def test_inserts_and_deletes_change_it(server: Server) -> None:
    assert {"servers", "pages"} <= moved(provision)
    assert {"servers", "pages"} <= moved(Server.objects.all().delete)


def test_leases_and_invisible_marks_change_no_stamp(server: Server) -> None:
    def claim() -> None:
        now = ledger.database_now()
        lease = leases.Lease(server.fence + 1, now + timedelta(seconds=5))
        assert leases.claim(server, lease)
        assert leases.release(server, next_step_at=now, waiting=server.waiting)

    assert moved(claim) == set()
    assert moved(lambda: Fleet.objects.update(ticked_at=Now())) == set()
    locations = Location.objects.all()
    assert moved(lambda: locations.update(listed_from=Now(), failures=1)) == set()
    assert moved(lambda: locations.update(compared_at=Now())) == {"listings"}


def test_columns_of_pages_change_only_their_stamp(server: Server) -> None:
    acts: list[Callable[[], Any]] = [
        lambda: Server.objects.update(waiting="For a gate."),
        lambda: Server.objects.update(labels={"a": "b"}),
        lambda: Account.objects.update(breaker_note="It does not answer."),
        lambda: Location.objects.update(health="failing"),
        lambda: Template.objects.update(max_servers=5),
        lambda: Fleet.objects.update(paused=True),
        lambda: Location.objects.update(error="It failed."),
    ]
    for act in acts:
        assert moved(act) == {"pages"}


def test_using_a_token_does_not_change_its_stamp(server: Server) -> None:
    assert "tokens" in moved(lambda: issue_token("t", scopes=["servers:read"]))
    assert moved(lambda: Token.objects.update(last_used_at=Now())) == set()
    assert "tokens" in moved(lambda: Token.objects.update(revoked_at=Now()))
    assert "tokens" in moved(Token.objects.all().delete)


def test_saving_an_old_row_does_not_lower_its_version(
    server: Server,
) -> None:
    old = Server.objects.get()
    Server.objects.update(address="10.0.0.9")
    version = Server.objects.get().version
    old.address = "10.0.0.9"
    old.save()
    assert Server.objects.get().version >= version > 0


def test_within_a_transaction_there_is_no_stamp(server: Server) -> None:
    with transaction.atomic():
        assert read_stamps() is None


def test_a_rolled_back_change_changes_no_stamp(server: Server) -> None:
    def roll_back() -> None:
        with transaction.atomic():
            Server.objects.update(address="10.0.0.9")
            transaction.set_rollback(True)

    assert moved(roll_back) == set()


@pytest.mark.postgresql
def test_the_next_change_repeats_a_bump_that_a_savepoint_undid(
    server: Server,
) -> None:
    # They bump once in a transaction, at its end; a check of constraints is an end.
    def change() -> None:
        with transaction.atomic():
            with suppress(LookupError), transaction.atomic():
                Server.objects.update(address="10.0.0.9")
                connection.check_constraints()
                raise LookupError
            Server.objects.update(address="10.0.0.10")
            Server.objects.update(address="10.0.0.11")

    assert moved(change) == {"servers", "pages"}
    assert moved(change) == {"servers", "pages"}


def test_they_contain_the_databases_time(server: Server) -> None:
    before = ledger.database_now()
    read_at = stamps().read_at
    assert read_at is not None
    assert before <= read_at <= ledger.database_now()


def test_the_triggers_exist_and_installing_again_changes_nothing(
    server: Server, django_assert_num_queries: Any
) -> None:
    with django_assert_num_queries(1):
        install_triggers()
    for watch in list_watches():
        assert watch.columns


def test_triggers_lost_with_a_rebuilt_table_are_restored(server: Server) -> None:
    table = Server._meta.db_table
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute(
                "SELECT name FROM sqlite_master WHERE type = 'trigger' "
                "AND tbl_name = %s",
                [table],
            )
            for (name,) in cursor.fetchall():
                cursor.execute(f'DROP TRIGGER "{name}"')
        else:
            cursor.execute(
                "SELECT tgname FROM pg_trigger WHERE tgrelid = %s::regclass "
                "AND tgname LIKE 'stamp_%%'",
                [table],
            )
            for (name,) in cursor.fetchall():
                cursor.execute(f'DROP TRIGGER "{name}" ON "{table}"')
    change = lambda: Server.objects.update(address="10.0.0.8")  # noqa: E731
    assert moved(change) == set()
    install_triggers()
    assert moved(lambda: Server.objects.update(address="10.0.0.7")) == {
        "servers",
        "pages",
    }


def close_from_afar() -> None:
    """Close the connection on the database's side, as a restart does."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        (pid,) = cursor.fetchone()
    other = connection.copy()
    with other.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])
    other.close()


@pytest.mark.postgresql
def test_a_connection_closed_between_two_requests_is_reopened() -> None:
    close_from_afar()
    request_started.send(sender=None)

    assert read_stamps() is not None


@pytest.mark.postgresql
def test_a_connection_closed_within_a_request_is_an_error() -> None:
    request_started.send(sender=None)
    read_stamps()
    close_from_afar()

    with pytest.raises(OperationalError):
        read_stamps()
    request_started.send(sender=None)
    assert read_stamps() is not None
