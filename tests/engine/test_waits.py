"""A failure that is not the request's fault is no try: the server waits."""

import time
from datetime import timedelta
from typing import Any

import pytest
from pytest_django import Settings

from servers.engine.waits import plan_retry
from servers.lifecycle.backoff import back_off
from servers.models import Account, Attempt, Fleet, Location, Server
from servers.operations.accounts import save_account
from servers.operations.terminate import retry_server
from servers.placing import breaker
from servers.placing.snapshots import Loader
from servers.records.ledger import database_now
from servers.reports.why import explain_server
from tests.support.fleet import (
    QUICK,
    TIMINGS,
    Workshop,
    change_template,
    make_fleet,
    provision,
)

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

THROTTLED = {"faults": {"throttled": 1}}
UNREACHABLE = {"faults": {"unreachable": 1}}
NO_CAPACITY = {"no_capacity": ["small"]}
CALM: dict[str, Any] = {"faults": {}, "no_capacity": []}


def set_options(account: Account, **options: Any) -> None:
    Account.objects.filter(pk=account.pk).update(options={**account.options, **options})


def make_open_fleet(workshop: Workshop, **options: Any) -> Account:
    """Make a fleet whose gate is open and stays so for a while without a listing."""
    timings = {**TIMINGS, "listing_idle": 60.0}
    account = make_fleet(timings=timings, **options)
    workshop.run_until(
        lambda: not Location.objects.filter(compared_at__isnull=True).exists()
    )
    return account


@pytest.mark.pure  # as test_walk.py's throttling, which meets the second database
@pytest.mark.parametrize(
    ("trouble", "words"),
    [
        (THROTTLED, "429"),
        (UNREACHABLE, "can't be reached"),
        (NO_CAPACITY, "No capacity for size small"),
    ],
)
def test_a_server_waits_out_temporary_refusals(
    workshop: Workshop, trouble: dict[str, Any], words: str
) -> None:
    account = make_open_fleet(workshop)
    set_options(account, **trouble)
    server = provision()
    workshop.run_until(lambda: Attempt.objects.count() >= 4)
    server.refresh_from_db()
    assert server.state == "pending"
    why = explain_server(server, now=database_now())
    assert words in why.sentence
    assert "Retrying automatically." in why.sentence
    assert why.next_at is not None
    # Each try is a separate attempt, and the last one creates the instance.
    set_options(account, **CALM)
    workshop.run_to("running", server)
    assert list(
        Attempt.objects.order_by("number").values_list("number", flat=True)
    ) == (list(range(1, server.attempt_number + 1)))


def test_servers_that_fail_together_do_not_all_retry_at_the_same_moment(
    workshop: Workshop,
) -> None:
    make_fleet()
    servers = [provision() for _ in range(60)]
    now = database_now()
    loader = Loader(servers, fleet=Fleet.objects.get(), now=now)
    decided = [back_off(1, loader.snapshot(server).jitter) for server in servers]
    stepped = [plan_retry(server, "x", now=now).until for server in servers]
    assert stepped == [
        now + wait for wait in decided
    ]  # each server has its own wait, wherever it waits
    shortest, longest = back_off(1, 0.0), back_off(1, 1.0)
    assert shortest <= min(decided) < max(decided) <= longest
    # Of 60 random servers some are near each end, and few wait equally long.
    assert max(decided) - min(decided) > (longest - shortest) * 0.7
    assert len(set(decided)) > 40


def test_it_ends_in_error_only_at_its_pending_deadline(
    workshop: Workshop, settings: Settings
) -> None:
    settings.PENDING_DEADLINE = 2.0
    make_open_fleet(workshop, **NO_CAPACITY)
    began = time.monotonic()
    server = provision()
    workshop.run_to("error", server)
    assert time.monotonic() - began >= 2.0
    assert "The server was still pending at its deadline." in server.error
    assert "No capacity for size small" in server.error
    # A retry gets the full time again.
    retry_server(server.name)
    running = Server.objects.filter(state="pending", deadline_at__isnull=False)
    workshop.run_until(running.exists)
    again = running.get()
    assert again.deadline_at is not None
    assert again.planned_at is not None
    assert again.deadline_at - again.planned_at > timedelta(seconds=1.5)


def test_our_own_limits_stop_the_deadline_and_reset_nothing(
    workshop: Workshop, settings: Settings
) -> None:
    settings.PENDING_DEADLINE = 2.0
    set_options(make_open_fleet(workshop), **THROTTLED)
    server = provision()
    workshop.run_for(1.2)
    # The gate closes for longer than the deadline is.
    Location.objects.update(
        compared_at=None, next_listing_at=database_now() + timedelta(1)
    )
    workshop.run_for(2.5)
    server.refresh_from_db()
    assert server.state == "pending"
    assert "listing" in server.waiting
    assert server.deadline_at is None
    left = server.pending_left
    assert left is not None
    assert left < timedelta(seconds=1.9)
    Location.objects.update(compared_at=database_now())
    running = Server.objects.filter(state="pending", deadline_at__isnull=False)
    workshop.run_until(running.exists)
    # Only what was left of it, not the full time.
    (deadline,) = running.values_list("deadline_at", flat=True)
    assert deadline is not None
    assert deadline - database_now() <= left
    workshop.run_to("error", server)


def test_the_deadline_stands_still_while_no_worker_comes(
    workshop: Workshop, settings: Settings
) -> None:
    settings.PENDING_DEADLINE = 2.0
    set_options(make_open_fleet(workshop), **THROTTLED)
    server = provision()
    workshop.run_for(0.5)
    # The scheduler runs, but no worker takes its hints.
    workshop.deaf = True
    workshop.run_for(2.5)
    workshop.deaf = False
    Server.objects.update(next_step_at=database_now())
    workshop.run_for(0.3)
    server.refresh_from_db()
    assert server.state == "pending"
    workshop.run_to("error", server)


def test_a_burst_that_is_throttled_for_a_moment_stands_still_for_a_moment(
    workshop: Workshop,
) -> None:
    account = make_open_fleet(workshop)
    set_options(account, **THROTTLED)
    servers = [provision() for _ in range(15)]
    workshop.run_for(1.5)
    account.refresh_from_db()
    assert account.breaker == Account.Breaker.CLOSED
    assert account.breaker_failures == 0
    # The account pauses: most servers have not even sent a call.
    assert Attempt.objects.count() < 30
    set_options(account, **CALM)
    workshop.run_to("running", *servers, seconds=25)
    assert Attempt.objects.count() < 15 * 8


def test_calls_that_ran_together_count_as_one_failure() -> None:
    account = make_fleet()
    now = database_now()
    for number in range(14):
        breaker.note_failure(
            account, "No.", asked_at=now, now=now + timedelta(seconds=1 + number / 10)
        )
    account.refresh_from_db()
    assert (account.breaker, account.breaker_failures) == (Account.Breaker.CLOSED, 1)
    # One after another they do count, and the breaker opens for a minute at first.
    for number in range(2, breaker.OPENS_AFTER + 1):
        asked = now + timedelta(seconds=10 * number)
        told = asked + timedelta(seconds=1)
        breaker.note_failure(account, "No.", asked_at=asked, now=told)
    # Calls that were running meanwhile change nothing.
    for _ in range(9):
        breaker.note_failure(account, "No.", asked_at=asked, now=told)
    account.refresh_from_db()
    assert account.breaker == Account.Breaker.OPEN
    assert account.breaker_until == told + timedelta(seconds=60)


def test_a_breaker_is_open_for_a_quarter_of_the_pending_deadline_at_most() -> None:
    account = make_fleet()
    asked = database_now()
    for _ in range(breaker.OPENS_AFTER + 6):
        asked += timedelta(hours=1)
        Account.objects.update(breaker=Account.Breaker.HALF_OPEN)
        breaker.note_failure(account, "No.", asked_at=asked, now=asked)
    account.refresh_from_db()
    assert account.breaker_until == asked + timedelta(seconds=150)


def test_a_trial_that_is_answered_without_an_instance_lets_the_next_one_through(
    workshop: Workshop,
) -> None:
    account = make_open_fleet(workshop)
    Account.objects.update(
        breaker=Account.Breaker.OPEN,
        breaker_failures=breaker.OPENS_AFTER,
        breaker_until=database_now(),
    )
    workshop.run_to("error", provision(image="no-such"))
    account.refresh_from_db()
    assert account.breaker == Account.Breaker.HALF_OPEN
    workshop.run_to("running", provision(), seconds=10)
    account.refresh_from_db()
    assert account.breaker == Account.Breaker.CLOSED


@pytest.mark.pure
def test_later_attempts_use_the_requested_size_and_region(workshop: Workshop) -> None:
    account = make_open_fleet(workshop, no_capacity=["medium"])
    server = provision(size="medium", region="north")
    workshop.run_until(lambda: Attempt.objects.count() >= 2, seconds=10)
    set_options(account, **CALM)
    workshop.run_to("running", server)
    places = Attempt.objects.values_list("region", "size")
    assert set(places) == {("north", "medium")}


def test_the_first_placement_is_tried_first_again_if_none_had_capacity(
    workshop: Workshop,
) -> None:
    account = make_fleet(no_capacity=["small"])
    spare = save_account(
        Account(
            name="spare",
            kind="sandbox",
            options={**QUICK, **NO_CAPACITY},
            creates_per_minute=1_000_000,
        )
    )
    change_template(fallbacks=[{"account": spare.name}])
    server = provision()
    workshop.run_until(lambda: Attempt.objects.count() >= 5)
    order = list(Attempt.objects.order_by("number").values_list("placement", flat=True))
    assert order[:4] == [0, 1, 0, 1]
    first, second = Attempt.objects.order_by("number")[:2]
    assert first.closed_at is not None
    assert second.asked_at - first.closed_at < timedelta(seconds=0.4)
    set_options(account, **CALM)
    workshop.run_to("running", server)
    assert server.account_id == account.pk


def test_a_placement_with_an_open_breaker_is_skipped(workshop: Workshop) -> None:
    account = make_fleet()
    spare = save_account(
        Account(
            name="spare",
            kind="sandbox",
            options=dict(QUICK),
            creates_per_minute=1_000_000,
        )
    )
    change_template(fallbacks=[{"account": spare.name}])
    Account.objects.filter(pk=account.pk).update(
        breaker=Account.Breaker.OPEN,
        breaker_failures=breaker.OPENS_AFTER,
        breaker_until=database_now() + timedelta(minutes=1),
    )
    server = provision()
    workshop.run_to("running", server)
    assert server.account_id == spare.pk
