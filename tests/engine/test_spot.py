"""Spot instances that the cloud takes back, announced or not."""

import pytest

from servers.lifecycle.states import Answer, Outcome
from servers.models import Account, Attempt, Event, NoCapacity, Server, Template
from tests.support.fleet import Workshop, change_template, make_fleet, provision

pytestmark = pytest.mark.django_db(transaction=True)


def make_spot_fleet(*, stale: float) -> Account:
    account = make_fleet(faults={"interrupts": 1}, stale=stale)
    change_template(fallbacks=[{"spot": False}], spot=True)
    return account


def test_a_running_server_drains_on_a_notice_and_the_next_is_no_spot(
    workshop: Workshop,
) -> None:
    account = make_spot_fleet(stale=1.0)
    server = provision()
    workshop.run_to("running", server)
    workshop.run_to("stopped", server)
    told = Event.objects.get(server_uid=server.pk, kind="stop_requested")
    assert told.reason == (
        "The cloud is about to take its spot instance back. Its builds can finish "
        "until then."
    )
    # Spot has a capacity of its own, and the fleet remembers that there is none.
    (full,) = NoCapacity.objects.all()
    assert (full.region, full.size) == ("spot", "small")
    account.refresh_from_db()
    assert (account.breaker, account.breaker_failures) == ("closed", 0)
    other = provision()
    workshop.run_to("running", other)
    assert other.placement == 1


def test_one_that_can_not_be_replaced_drains_on_a_notice_all_the_same(
    workshop: Workshop,
) -> None:
    make_spot_fleet(stale=1.0)
    Template.objects.update(on_health_lost="replace", max_servers=1)
    change_template()
    server = provision()
    workshop.run_to("running", server)
    workshop.run_to("stopped", server)
    told = Event.objects.get(server_uid=server.pk, kind="stop_requested")
    assert told.reason.startswith(
        "The cloud is about to take its spot instance back. It was not replaced. The "
        "template default has a limit of 1 server"
    )
    assert Server.objects.count() == 1


def test_one_that_is_taken_back_while_it_boots_is_created_elsewhere(
    workshop: Workshop,
) -> None:
    # It is taken back as it becomes active.
    make_spot_fleet(stale=0.0)
    server = provision()
    workshop.run_to("running", server)
    first, second = Attempt.objects.order_by("number")
    assert (first.outcome, first.answer_class) == (
        Outcome.ABANDONED,
        Answer.INTERRUPTED,
    )
    assert first.answer == "The cloud took its spot instance back."
    assert (second.placement, second.outcome) == (1, Outcome.ACCEPTED)
    assert Server.objects.get().state == "running"
