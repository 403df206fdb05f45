"""Who finds an account's call slots taken is hinted as soon as a call ends."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from django.db.models.functions import Now

from servers import engine, reconciler, tracing
from servers.messaging import dispatch
from servers.models import Account, Instance, Location, Server
from servers.placing.call_slots import BusyError, await_slot, call_slot
from servers.placing.lines import LONGEST, Lines, Waiter
from tests.support.fleet import Workshop, make_fleet, provision

KEPT_SECONDS = 10.0


def make_lines() -> Lines[UUID]:
    return Lines(kept_seconds=KEPT_SECONDS)


def waiter(name: str) -> Waiter:
    return Waiter(dispatch.ADVANCE, name)


def empty(lines: Lines[UUID], account: UUID, *, now: float) -> list[str]:
    """Return who is called, until nobody is left."""
    called = []
    while (found := lines.call_next(account, now=now)) is not None:
        called.append(found[0].row_id)
    return called


class TestLine:
    pytestmark = pytest.mark.pure

    def test_the_first_come_is_the_first_called(self) -> None:
        lines, account, other = make_lines(), uuid4(), uuid4()
        for name in ("a", "b", "c"):
            lines.join(account, waiter(name), now=1)
        lines.join(other, waiter("d"), now=1)
        # Who is turned away once more keeps the place.
        lines.join(account, waiter("a"), now=2)
        lines.join(account, waiter("listing"), now=2, first=True)
        assert empty(lines, account, now=2) == ["listing", "a", "b", "c"]
        assert empty(lines, other, now=2) == ["d"]

    def test_whoever_has_a_turn_leaves_all_lines(self) -> None:
        lines, account, other = make_lines(), uuid4(), uuid4()
        for each in (account, other):
            lines.join(each, waiter("a"), now=1)
        lines.join(other, waiter("b"), now=1)
        lines.leave(waiter("a"))
        lines.leave(waiter("a"))
        assert empty(lines, account, now=1) == []
        assert empty(lines, other, now=1) == ["b"]

    def test_places_are_given_up_when_their_timers_have_ended(self) -> None:
        lines, account = make_lines(), uuid4()
        lines.join(account, waiter("old"), now=1)
        lines.join(account, waiter("again"), now=1)
        lines.join(account, waiter("new"), now=5)
        lines.join(account, waiter("again"), now=6)
        assert empty(lines, account, now=2 + KEPT_SECONDS) == ["again", "new"]

    def test_a_line_has_an_end_and_what_is_empty_takes_no_memory(self) -> None:
        lines, account = make_lines(), uuid4()
        for number in range(LONGEST + 5):
            lines.join(account, waiter(str(number)), now=1)
        assert len(empty(lines, account, now=1)) == LONGEST
        lines.join(account, waiter("left"), now=1)
        lines.leave(waiter("left"))
        lines.join(account, waiter("stale"), now=1)
        assert lines.call_next(account, now=100) is None
        assert not lines._lines


@contextmanager
def full(account: Account) -> Iterator[ExitStack]:
    """Take all of the account's call slots. Closing the stack frees them."""
    with ExitStack() as stack:
        while True:
            try:
                stack.enter_context(call_slot(account))
            except BusyError:
                break
        yield stack


def hinted(workshop: Workshop, task: str) -> list[str]:
    return [row_id for name, row_id in workshop.hints if name == task]


@pytest.mark.django_db(transaction=True)
class TestEngine:
    def test_the_end_of_a_call_hints_the_first_row_and_its_timer_need_not_end(
        self, workshop: Workshop
    ) -> None:
        account = make_fleet()
        workshop.turn()  # lists the location, so that creates are allowed
        first, second = provision(), provision()
        with full(account) as calls:
            for server in (first, second):
                engine.advance(server.pk)
            workshop.hints.clear()
            Server.objects.update(next_step_at=Now() + timedelta(seconds=9))
            calls.pop_all().close()
            assert hinted(workshop, dispatch.ADVANCE)[:2] == [
                str(first.pk),
                str(second.pk),
            ]
        engine.advance(first.pk)
        first.refresh_from_db()
        assert first.state != "pending"
        # Its own call has ended, and nobody waits any more.
        assert len(hinted(workshop, dispatch.ADVANCE)) == 2

    def test_a_hint_has_the_id_of_the_request_that_was_turned_away(
        self, workshop: Workshop, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        account = make_fleet()
        server = provision()
        sent = []
        monkeypatch.setattr(dispatch, "_send", lambda *hint: sent.append(hint))
        with full(account) as calls, tracing.bound(request_id="of-the-call"):
            with tracing.bound(request_id="of-the-row"):
                engine.advance(server.pk)
            calls.pop_all().close()
        assert sent == [(dispatch.ADVANCE, str(server.pk), "of-the-row")]

    def test_a_row_turned_away_when_the_last_call_ends_is_hinted_at_once(
        self, workshop: Workshop
    ) -> None:
        account = make_fleet()
        server = provision()
        with full(account), pytest.raises(BusyError) as busy, call_slot(account):
            pass
        workshop.hints.clear()
        await_slot(busy.value, dispatch.ADVANCE, server.pk)
        assert hinted(workshop, dispatch.ADVANCE) == [str(server.pk)]

    def test_a_listing_is_hinted_before_the_servers(self, workshop: Workshop) -> None:
        account = make_fleet()
        server = provision()
        location = Location.objects.get(account=account)
        with full(account) as calls:
            engine.advance(server.pk)
            reconciler.observe_location(location.pk)
            workshop.hints.clear()
            calls.pop_all().close()
        assert workshop.hints[:2] == [
            (dispatch.OBSERVE, str(location.pk)),
            (dispatch.ADVANCE, str(server.pk)),
        ]
        reconciler.observe_location(location.pk)
        location.refresh_from_db()
        assert location.compared_at is not None

    def test_a_condemned_instance_is_hinted_too(self, workshop: Workshop) -> None:
        account = make_fleet()
        server = provision()
        workshop.run_to("running", server)
        Instance.objects.update(condemned_at=Now(), next_step_at=None)
        (pk,) = Instance.objects.values_list("pk", flat=True)
        with full(account) as calls:
            engine.destroy_condemned(pk)
            workshop.hints.clear()
            calls.pop_all().close()
        assert hinted(workshop, dispatch.DESTROY) == [str(pk)]
        engine.destroy_condemned(pk)
        assert Instance.objects.get().destroy_asked_at is not None

    def test_without_a_line_the_timer_brings_the_row_back(
        self, workshop: Workshop, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        account = make_fleet()
        server = provision()
        with full(account):
            engine.advance(server.pk)
            # As in a new process after a kill.
            monkeypatch.setattr("servers.placing.call_slots._lines", make_lines())
        workshop.hints.clear()
        workshop.run_to("running", server)
