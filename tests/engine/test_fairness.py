"""An account with a hanging cloud or many rows does not delay the others."""

import sys
from contextlib import ExitStack
from datetime import timedelta

import pytest
from django.db.models import F

from servers import engine, reconciler
from servers.messaging import dispatch
from servers.models import Account, Server
from servers.operations.accounts import save_account
from servers.placing import call_slots
from servers.placing.call_slots import (
    QUEUE_MOST,
    QUEUE_STEP,
    BusyError,
    call_slot,
    check_call_slot,
)
from servers.records.ledger import database_now
from tests.support.fleet import QUICK, Workshop, make_fleet, make_template, provision

pytestmark = pytest.mark.django_db(transaction=True)


def add_account(name: str) -> Account:
    account = save_account(
        Account(name=name, kind="sandbox", options=QUICK, calls_at_once=1000)
    )
    make_template(account, name, image="ubuntu-24.04", size="small")
    return account


def fill(account: Account, stack: ExitStack) -> int:
    """Take all free slots; return how many there were."""
    for count in range(1000):
        try:
            stack.enter_context(call_slot(account))
        except BusyError:
            return count
    raise AssertionError("no limit")


def test_each_hanging_account_leaves_half_of_the_remaining_threads() -> None:
    first, second, third = make_fleet(), add_account("second"), add_account("third")
    for account in (first, second, third):
        check_call_slot(account)  # all are in use
    with ExitStack() as stack:
        assert [fill(account, stack) for account in (first, second, third)] == [8, 4, 2]
        fourth = add_account("fourth")
        assert fill(fourth, stack) == 1
    with ExitStack() as stack:
        Account.objects.filter(pk=first.pk).update(calls_at_once=3)
        first.refresh_from_db()
        assert fill(first, stack) == 3


def test_the_only_account_in_use_gets_all_threads_but_two(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(call_slots, "_asked", {})
    only, other = make_fleet(), add_account("other")
    with ExitStack() as stack:
        assert fill(only, stack) == 14
        # The next account still gets a thread, and from then on they share.
        assert fill(other, stack) == 1
    with ExitStack() as stack:
        assert fill(only, stack) == 8


def test_callers_are_turned_away_for_longer_and_longer_until_a_call_ends() -> None:
    account = make_fleet()
    waits = []
    with ExitStack() as stack:
        fill(account, stack)
        for _ in range(QUEUE_MOST // QUEUE_STEP):
            with pytest.raises(BusyError) as busy, call_slot(account):
                pass
            waits.append(busy.value.wait)
    assert waits[0] == 2 * QUEUE_STEP
    assert waits == sorted(waits)
    assert waits[-1] == QUEUE_MOST
    with ExitStack() as stack:
        fill(account, stack)
        with pytest.raises(BusyError) as busy, call_slot(account):
            pass
    assert busy.value.wait == 2 * QUEUE_STEP


def test_a_row_of_a_full_account_is_postponed_without_a_claim(
    workshop: Workshop,
) -> None:
    account = make_fleet()
    server = provision()
    with ExitStack() as stack:
        fill(account, stack)
        before = database_now()
        engine.advance(server.pk)
    row = Server.objects.get(pk=server.pk)
    assert (row.state, row.fence) == ("pending", server.fence)
    assert row.next_step_at is not None
    assert row.next_step_at > before
    workshop.run_to("running", server)


def test_a_tick_hands_out_the_rows_of_each_account_in_turn(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.modules["servers.reconciler.tick"], "BATCH", 6)
    make_fleet()
    add_account("quiet")
    many = [provision() for _ in range(20)]
    few = [provision(template="quiet") for _ in range(2)]
    workshop.hints.clear()
    now = database_now()
    Server.objects.update(next_step_at=now - timedelta(seconds=60))
    quiet = [server.pk for server in few]
    Server.objects.filter(pk__in=quiet).update(
        next_step_at=F("next_step_at") + timedelta(seconds=50)
    )
    reconciler.tick()
    handed = [pk for task, pk in workshop.hints if task == dispatch.ADVANCE]
    assert len(handed) == 6
    assert {str(pk) for pk in quiet} < set(handed)
    assert len(set(handed) & {str(server.pk) for server in many}) == 4


@pytest.mark.parametrize("count", [1, 40])
def test_a_tick_costs_the_same_queries_for_any_number_of_rows(
    workshop: Workshop, count: int, django_assert_num_queries: object
) -> None:
    make_fleet()
    for _ in range(count):
        provision()
    # Four of them run only every five seconds, to check whether a pause is over.
    with django_assert_num_queries(13):  # type: ignore[operator]
        reconciler.tick()
