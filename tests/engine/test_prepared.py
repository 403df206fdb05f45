"""Statements that are compiled once give what plain querysets give."""

from collections.abc import Iterator
from unittest.mock import patch
from uuid import uuid4

import pytest
from django.db import connection, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import F, FloatField
from django.db.models.sql.compiler import SQLCompiler
from django.utils import timezone

from servers.models import Attempt, Counter, Event, Fleet, Server
from servers.operations.provision import Request, provision_servers
from servers.records.durability import soft_commit, wait_for_disk
from servers.records.ledger import database_now, read_fleet
from servers.records.prepared import Prepared, PreparedInsert, Slot, among
from tests.support.fleet import make_fleet
from tests.support.threads import at_once

pytestmark = pytest.mark.django_db


@pytest.fixture
def servers() -> list[Server]:
    make_fleet()
    return provision_servers(Request(count=12, labels={"team": "a"}))


def by_id() -> Prepared:
    return Prepared(
        Server,
        lambda slot: Server.objects.select_related("account", "recipe").filter(
            pk=slot("id")
        ),
    )


def test_models_are_as_the_queryset_gives_them(servers: list[Server]) -> None:
    prepared = by_id()
    for server in servers[:3]:
        (found,) = prepared.read(id=server.pk)
        plain = Server.objects.select_related("account", "recipe").get(pk=server.pk)
        for got, wanted in (
            (found, plain),
            (found.account, plain.account),
            (found.recipe, plain.recipe),
        ):
            names = [field.attname for field in wanted._meta.concrete_fields]
            values = [getattr(wanted, name) for name in names]
            assert [getattr(got, name) for name in names] == values
    assert prepared.read(id=uuid4()) == []


def test_a_second_read_compiles_nothing(
    servers: list[Server], monkeypatch: pytest.MonkeyPatch
) -> None:
    prepared = by_id()
    prepared.read(id=servers[0].pk)
    monkeypatch.delattr(SQLCompiler, "as_sql")
    (found,) = prepared.read(id=servers[1].pk)
    assert found.name == servers[1].name


def test_a_list_may_have_any_length(servers: list[Server]) -> None:
    prepared = Prepared(
        Server,
        lambda slot: Server.objects.filter(
            pk__in=slot("ids", "id"), account=slot("account")
        ).values_list("name"),
    )
    for count in (0, 1, 2, 12, 1):
        asked = servers[:count]
        rows = prepared.read(
            ids=[server.pk for server in asked], account=servers[0].account_id
        )
        assert {name for (name,) in rows} == {server.name for server in asked}


def test_a_foreign_key_may_be_one_of_several(servers: list[Server]) -> None:
    prepared = Prepared(
        Server,
        lambda slot: Server.objects.filter(
            among("account", slot("accounts", "account"))
        ).values_list("name"),
    )
    account = servers[0].account_id
    assert len(prepared.read(accounts=[account])) == 12
    assert len(prepared.read(accounts=[uuid4(), account])) == 12
    assert len(prepared.read(accounts=[*(uuid4() for _ in range(2000)), account])) == 12
    assert prepared.read(accounts=[uuid4()]) == []
    assert prepared.read(accounts=[]) == []


def test_a_lock_needs_a_transaction_each_time(servers: list[Server]) -> None:
    prepared = Prepared(
        Server,
        lambda slot: Server.objects.select_for_update().filter(pk=slot("id")),
    )
    assert prepared.get(id=servers[0].pk) == servers[0]
    with (
        patch.object(BaseDatabaseWrapper, "get_autocommit", return_value=True),
        pytest.raises(transaction.TransactionManagementError),
    ):
        prepared.read(id=servers[0].pk)
    with pytest.raises(Server.DoesNotExist):
        prepared.get(id=uuid4())


def test_without_a_fleet_the_time_is_not_known() -> None:
    with pytest.raises(Fleet.DoesNotExist):
        database_now()
    with pytest.raises(Fleet.DoesNotExist):
        read_fleet()


def test_updates_write_any_columns(servers: list[Server]) -> None:
    prepared = Prepared(Server, lambda slot: Server.objects.filter(pk=slot("id")))
    first, second = servers[:2]
    now = timezone.now()
    assert prepared.update({"waiting": "a", "deadline_at": now}, id=first.pk) == 1
    assert prepared.update({"waiting": "b", "deadline_at": None}, id=second.pk) == 1
    assert prepared.update({"labels": {"x": "1"}}, id=second.pk) == 1
    assert prepared.update({"waiting": "c"}, id=uuid4()) == 0
    assert prepared.update({"waiting": "c"}, id=None) == 0
    first.refresh_from_db()
    second.refresh_from_db()
    assert (first.waiting, first.deadline_at) == ("a", now)
    assert (second.waiting, second.deadline_at) == ("b", None)
    assert second.labels == {"x": "1"}
    assert first.labels == {"team": "a"}


def test_an_expression_is_told_from_a_value_and_from_another_expression() -> None:
    Counter.objects.create(name="made", value=1.0)
    prepared = Prepared(Counter, lambda slot: Counter.objects.filter(name=slot("name")))
    added = {"value": F("value") + Slot("by", FloatField())}
    for by in (2.0, 3.5):
        prepared.update(added, name="made", by=by)
    assert Counter.objects.get(name="made").value == 6.5
    prepared.update({"value": 1.0}, name="made")
    prepared.update({"value": F("value") * 4}, name="made")
    assert Counter.objects.get(name="made").value == 4.0


def test_inserts_take_defaults_and_encrypt(servers: list[Server]) -> None:
    server = servers[0]
    attempt = Attempt(
        server=server,
        server_uid=server.pk,
        recipe_id=server.recipe_id,
        number=7,
        account=server.account,
        key="k7",
        asked_at=timezone.now(),
        lease_end=timezone.now(),
        spec="top secret",
    )
    assert PreparedInsert(Attempt).run(attempt)
    attempt.placement = 3
    attempt.save()  # it updates its row
    found = Attempt.objects.get(pk=attempt.pk)
    assert (found.spec, found.placement, found.server) == ("top secret", 3, server)
    with connection.cursor() as cursor:
        cursor.execute("SELECT spec FROM servers_attempt")
        ((stored,),) = cursor.fetchall()
    assert "top secret" not in stored
    event = Event(server=server, kind="requested", reason="Why")
    assert PreparedInsert(Event).run(event)
    assert Event.objects.get(pk=event.pk).at is not None


def test_an_insert_may_leave_a_row_that_is_there() -> None:
    insert = PreparedInsert(Counter, ignore=True)
    assert insert.run(Counter(name="made", value=1.0))
    again = Counter(name="made", value=2.0)
    assert not insert.run(again)
    assert Counter.objects.get(name="made").value == 1.0


@pytest.mark.django_db(transaction=True)
def test_threads_do_not_mix_their_values(servers: list[Server]) -> None:
    prepared, wrong = by_id(), []

    def read() -> None:
        for server in servers * 10:
            (found,) = prepared.read(id=server.pk)
            if found.name != server.name:
                wrong.append(found.name)

    at_once(*[read] * 4)
    assert wrong == []


def ask(setting: str) -> str:
    with connection.cursor() as cursor:
        cursor.execute(setting)
        return str(cursor.fetchone()[0])


@pytest.fixture
def setting() -> Iterator[tuple[str, str, str]]:
    """How to ask whether commits wait for the disk; the answers if not, and if so."""
    if connection.vendor == "sqlite":
        connection.ensure_connection()
        connection.connection.execute("PRAGMA synchronous = FULL")
        yield "PRAGMA synchronous", "1", "2"
    else:
        # The tests' own server waits for no commit by itself.
        with connection.cursor() as cursor:
            cursor.execute("SET synchronous_commit TO on")
        yield "SHOW synchronous_commit", "off", "on"
        with connection.cursor() as cursor:
            cursor.execute("RESET synchronous_commit")


@pytest.mark.django_db(transaction=True)
def test_a_soft_commit_is_for_one_transaction(setting: tuple[str, str, str]) -> None:
    question, soft, hard = setting
    with soft_commit():
        assert ask(question) == soft
        Counter.objects.create(name="made")
    assert ask(question) == hard
    assert Counter.objects.filter(name="made").exists()

    def fail() -> None:
        with soft_commit():
            Counter.objects.filter(name="made").delete()
            raise LookupError

    with pytest.raises(LookupError):
        fail()
    assert ask(question) == hard
    assert Counter.objects.filter(name="made").exists()


@pytest.mark.django_db(transaction=True)
def test_an_outer_transaction_decides(setting: tuple[str, str, str]) -> None:
    question, _, hard = setting
    with transaction.atomic(), soft_commit():
        assert ask(question) == hard


@pytest.mark.django_db(transaction=True)
def test_a_soft_commit_can_wait_for_the_disk_after_all(
    setting: tuple[str, str, str],
) -> None:
    question, soft, hard = setting
    with soft_commit():
        wait_for_disk()
        # On SQLite no process outlives what loses the commit.
        assert ask(question) == (soft if connection.vendor == "sqlite" else hard)
    assert ask(question) == hard
