"""Many instances in one location never hide overdue ones in another."""

import io
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.test import Client

from servers.access.tokens import issue_token
from servers.models import Account, Fleet, Instance, Leftover, Location, Server
from servers.operations.accounts import save_account
from servers.records.ledger import database_now
from servers.reports.attention.load import list_attention
from servers.reports.leaks.load import MAX_NAMED, report_leaks
from tests.support.fleet import QUICK, Workshop, make_fleet, provision

pytestmark = pytest.mark.django_db(transaction=True)


def strand(account: Account, count: int, verdict: str, *, age: timedelta) -> None:
    """Record instances that no server owns."""
    now = database_now()
    Instance.objects.bulk_create(
        Instance(
            account=account,
            instance_id=f"{verdict}-{number}",
            verdict=verdict,
            first_seen=now - age,
        )
        for number in range(count)
    )


@pytest.fixture
def places() -> tuple[Account, Account]:
    """Two accounts: one with many unknown instances, one with a few overdue."""
    first = make_fleet(name="first")
    second = save_account(Account(name="second", kind="sandbox", options=QUICK))
    Location.objects.create(account=second)
    now = database_now()
    Location.objects.update(compared_at=now, compared_generation=1, health="ok")
    strand(first, 260, "unexplained", age=timedelta(days=3))
    strand(second, 7, "orphan", age=timedelta(days=1))
    return first, second


def read_metrics() -> dict[str, float]:
    text = Client().get("/metrics").content.decode()
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    return {name: float(value) for name, _, value in (x.rpartition(" ") for x in lines)}


def test_260_unknown_instances_hide_no_overdue_orphan_elsewhere(
    places: tuple[Account, Account], workshop: Workshop
) -> None:
    one, two = report_leaks(now=database_now()).locations
    assert (one.unowned.total, one.unowned.outside, one.waiting) == (260, 260, 260)
    assert (two.unowned.total, two.unowned.outside, two.waiting) == (7, 7, 0)
    assert not two.is_clean
    assert len(one.findings) == MAX_NAMED
    assert len(two.findings) == 7

    token = issue_token("t", scopes=["servers:read"])
    client = Client(headers={"authorization": f"Bearer {token}"})
    shown: Any = client.get("/api/leaks").json()
    assert [location["clean"] for location in shown["scopes"]] == [False, False]
    counts = [location["counts"]["instances_outside"] for location in shown["scopes"]]
    assert counts == [260, 7]
    assert [location["live"] for location in shown["scopes"]] == [260, 7]

    labels = '{{account="{}",outside="{}",region="",verdict="{}"}}'
    metrics = read_metrics()
    for account, verdict, value in (
        ("first", "unexplained", 260),
        ("second", "orphan", 7),
    ):
        name = "serverfleet_leaks" + labels.format(account, "true", verdict)
        assert metrics[name] == value

    admin = Client()
    admin.force_login(User.objects.create_superuser("ada"))
    page = admin.get("/leaks/").content.decode()
    assert "second: 7 unowned instances are older than the bound." in page
    assert "first: 260 unowned instances are older" in page
    assert "Showing the 100 oldest of 260." in page

    said = io.StringIO()
    with pytest.raises(CommandError, match="past the bound"):
        call_command("sweep", "--dry-run", stdout=said)
    assert "and 160 more instances" in said.getvalue()


def test_many_terminations_and_leftovers_hide_none_elsewhere(
    places: tuple[Account, Account], workshop: Workshop
) -> None:
    first, second = places
    Instance.objects.all().delete()
    now = database_now()
    template = provision()
    Server.objects.bulk_create(
        Server(
            name=f"{account.name}-{number}", provider="sandbox", image="i", size="s",
            capacity=1, account=account, recipe=template.recipe, state="stopping",
            state_since=now - age,
        )
        for account, count, age in (
            (first, 260, timedelta(days=3)),
            (second, 7, timedelta(days=1)),
        )
        for number in range(count)
    )  # fmt: skip
    Leftover.objects.bulk_create(
        Leftover(
            account=account, resource_id=f"v-{number}", kind="volume",
            first_seen=now - age,
        )
        for account, count, age in (
            (first, 260, timedelta(days=3)),
            (second, 7, timedelta(days=1)),
        )
        for number in range(count)
    )  # fmt: skip
    one, two = report_leaks(now=now).locations
    assert (one.ending.outside, one.left.outside) == (260, 260)
    assert (two.ending.outside, two.left.outside) == (7, 7)
    assert (len(one.unconfirmed), len(two.leftovers)) == (MAX_NAMED, 7)
    assert not two.is_clean


def test_many_failures_hide_no_late_server_and_are_all_counted(
    workshop: Workshop,
) -> None:
    make_fleet()
    late = provision(name="late")
    now = database_now()
    Server.objects.bulk_create(
        Server(
            name=f"failed-{number}", provider="sandbox", image="i", size="s",
            capacity=1, account=late.account, recipe=late.recipe, state="error",
            error=f"Request {number} was refused.",
            state_since=now - timedelta(hours=5),
        )
        for number in range(260)
    )  # fmt: skip
    Server.objects.filter(pk=late.pk).update(
        state="staging", state_since=now - timedelta(hours=1)
    )
    items = list_attention(Fleet.objects.get(), now=now)
    assert "late" in [item.server.name for item in items if item.server]
    assert "252 more servers have failed." in [item.sentence for item in items]
