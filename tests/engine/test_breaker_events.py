"""The history shows when and why a breaker opened, and when it closed."""

from datetime import timedelta

import pytest

from servers.models import Account, Event, Server
from servers.operations.accounts import close_breaker
from servers.placing import breaker
from servers.records.ledger import database_now
from tests.support.fleet import Workshop, make_fleet, provision
from tests.support.people import log_in, make_person

pytestmark = pytest.mark.django_db(transaction=True)


def list_events() -> list[Event]:
    kinds = ["breaker_opened", "breaker_closed"]
    return list(Event.objects.filter(kind__in=kinds).order_by("id"))


def test_it_says_why_it_opened_and_until_when_and_that_it_closed(
    workshop: Workshop,
) -> None:
    account = make_fleet(quota=1)
    first = provision()
    workshop.run_to("running", first)
    for _ in range(breaker.OPENS_AFTER):
        provision()
    is_open = Account.objects.filter(breaker=Account.Breaker.OPEN)
    workshop.run_until(is_open.exists)
    (opened,) = list_events()
    assert (opened.kind, opened.account) == ("breaker_opened", account)
    assert "5 failed creates in a row" in opened.reason
    assert "quota" in opened.reason
    until = is_open.get().breaker_until
    assert until is not None
    assert f"Next try at {until:%H:%M:%S} UTC." in opened.reason
    page = log_in(make_person("viewer")).get("/activity/").content.decode()
    assert "Circuit breaker opened" in page
    # With room at the cloud the next create closes it.
    account.refresh_from_db()
    account.options = {**account.options, "quota": 0}
    account.save(update_fields=["options"])
    waiting = provision()
    past = database_now() - timedelta(seconds=1)
    Account.objects.update(breaker_until=past)
    workshop.run_to("running", Server.objects.get(pk=waiting.pk))
    assert [event.kind for event in list_events()] == [
        "breaker_opened",
        "breaker_closed",
    ]


def test_a_success_while_it_is_closed_says_nothing(workshop: Workshop) -> None:
    make_fleet()
    Account.objects.update(breaker_failures=2)
    workshop.run_to("running", provision())
    assert Account.objects.get().breaker_failures == 0
    assert list_events() == []


def test_closing_it_by_hand_writes_one_event() -> None:
    account = make_fleet()
    Account.objects.update(breaker="open", breaker_failures=5)
    assert close_breaker(account)
    assert not close_breaker(account)
    (closed,) = list_events()
    assert "closed by hand" in closed.reason
