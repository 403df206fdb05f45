"""The cheapest or quickest placement is tried first, and two clouds take turns."""

import json
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone

from servers.models import (
    Account,
    Attempt,
    Catalogue,
    NoCapacity,
    Server,
    Template,
)
from servers.operations.accounts import save_account
from servers.operations.templates import save_template
from servers.placing import order, prices
from servers.records.ledger import database_now
from servers.reports.why import explain_server
from tests.support.fleet import QUICK, Workshop, make_fleet, make_template, provision
from tests.support.people import log_in, make_person
from tests.support.trouble import start_processes

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    """Forget what this process keeps for a minute."""
    order._kept.clear()
    prices._kept.clear()
    yield
    order._kept.clear()
    prices._kept.clear()


@pytest.fixture
def other() -> Account:
    """A second cloud beside the usual sandbox."""
    make_fleet()
    return save_account(
        Account(
            name="other",
            kind="sandbox",
            options=QUICK,
            creates_per_minute=1_000_000,
            max_servers=1000,
        )
    )


def make_both(other: Account, **fields: Any) -> Template:
    return make_template(
        Account.objects.get(name="sandbox"),
        "both",
        fallbacks=[{"account": other, "size": "large"}],
        **fields,
    )


def where(workshop: Workshop) -> Attempt:
    """Create a server; return its last attempt."""
    server = provision(template="both")
    workshop.run_to("running", server)
    return Attempt.objects.filter(server=server).order_by("-number")[0]


def test_the_cheapest_is_tried_first_by_set_and_by_listed_prices(
    workshop: Workshop, other: Account
) -> None:
    template = make_both(
        other, order="cheapest", price_per_hour=Decimal("0.5"), currency="EUR"
    )
    sizes = [["large", 8, 16384, "0.0425", "EUR"]]
    first, second = template.placements.all()
    second.price_per_hour = None
    save_template(template, [first, second])
    attempt = where(workshop)
    assert attempt.account.name == "sandbox"
    assert "0.5 EUR per hour" in attempt.note
    now = database_now()
    Catalogue.objects.update_or_create(
        account=other,
        region="",
        defaults={
            "content": json.dumps({"sizes": sizes}),
            "taken_at": now,
            "asked_at": now,
        },
    )
    prices._kept.clear()
    server = provision(template="both")
    start_processes()
    why = explain_server(server, now=timezone.now())
    assert "The cheapest is tried first: 0.0425 EUR per hour." in why.sentence
    attempt = where(workshop)
    assert attempt.account == other
    # Frozen, although the cloud only listed it.
    assert (attempt.price_per_hour, attempt.currency) == (Decimal("0.0425"), "EUR")
    workshop.run_to("running", server)
    page = log_in(make_person("viewer")).get(f"/servers/{server.name}/")
    assert "The cheapest is tried first: 0.0425 EUR per hour." in page.content.decode()


def test_the_quickest_is_tried_first_once_there_are_enough_boots(
    workshop: Workshop, other: Account
) -> None:
    template = make_both(other, order="quickest")
    assert where(workshop).account.name == "sandbox"
    now = database_now()
    recipe = template.versions.first()
    for account, size, took in ((other, "large", 5), ("sandbox", "small", 50)):
        for number in range(5):
            asked = now - timedelta(hours=1, seconds=number)
            row = account if isinstance(account, Account) else None
            Attempt.objects.create(
                server_uid=template.pk,
                server_name="old",
                number=Attempt.objects.count() + 1,
                account=row or Account.objects.get(name=account),
                size=size,
                key=f"ci-{size}-{number}",
                token="t",
                asked_at=asked,
                lease_end=asked,
                ready_at=asked + timedelta(seconds=took),
                recipe=recipe,
                outcome="abandoned",
                closed_at=asked,
            )
    order._kept.clear()
    attempt = where(workshop)
    assert attempt.account == other
    assert attempt.note == "The quickest is tried first: 5.0 s in the last 5 boots."


def test_the_second_cloud_takes_over_at_once_and_the_first_is_back_after_its_memory(
    workshop: Workshop, other: Account
) -> None:
    make_both(other)
    first = Account.objects.get(name="sandbox")
    usual = first.options
    Account.objects.filter(pk=first.pk).update(
        options={**usual, "no_capacity": ["small"]}
    )
    # Out of capacity: one call finds out, and the next goes to the second cloud.
    server = provision(template="both", name="moved")
    workshop.run_to("running", server)
    tried = Attempt.objects.filter(server=server).order_by("number")
    assert [(each.account.name, each.outcome) for each in tried] == [
        ("sandbox", "refused"),
        ("other", "accepted"),
    ]
    # Within seconds, without a wait: it never backed off in between.
    first_call, second_call = (each.asked_at for each in tried)
    assert second_call - first_call < timedelta(seconds=5)
    kinds = list(server.events.order_by("id").values_list("to_state", flat=True))
    assert kinds[:5] == ["pending", "creating", "pending", "creating", "created"]
    memory = NoCapacity.objects.get()
    assert memory.account == first
    # The whole fleet skips it meanwhile, and the attempt tells why.
    skipped = where(workshop)
    assert skipped.account == other
    assert skipped.number == 1
    assert "had no capacity" in skipped.note
    page = log_in(make_person("viewer")).get("/servers/moved/").content.decode()
    assert page.index("other") != page.index("sandbox")
    for words in ("refused", "accepted", "no capacity"):
        assert words in page, words
    # After the memory's time the first is tried again, and has room by now.
    Account.objects.filter(pk=first.pk).update(options=usual)
    NoCapacity.objects.update(until=database_now() - timedelta(seconds=1))
    back = where(workshop)
    assert (back.account, back.number, back.note) == (first, 1, "")
    assert Server.objects.filter(state="running").count() == 3


def test_a_quota_that_is_used_up_is_remembered_by_the_whole_fleet(
    workshop: Workshop, other: Account
) -> None:
    make_both(other)
    first = Account.objects.get(name="sandbox")
    usual = first.options
    Account.objects.filter(pk=first.pk).update(options={**usual, "quota": 1})
    assert where(workshop).account == first
    full = where(workshop)  # this one finds out
    assert (full.account, full.number) == (other, 2)
    memory = NoCapacity.objects.get()
    assert (memory.account, memory.answer_class) == (first, "Quota")
    assert (memory.region, memory.size) == ("", "")  # the sandbox counts all together
    for _ in range(3):
        skipped = where(workshop)
        assert (skipped.account, skipped.number) == (other, 1)
        assert "sandbox small: the account's quota was used up" in skipped.note
    first.refresh_from_db()
    assert first.breaker_failures == 1
    # It is used again once there is room, and then forgotten.
    Account.objects.filter(pk=first.pk).update(options=usual)
    NoCapacity.objects.update(until=database_now() - timedelta(seconds=1))
    back = where(workshop)
    assert (back.account, back.number, back.note) == (first, 1, "")
