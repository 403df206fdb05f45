"""Looks at machines that hang share a few threads, and leave the others alone."""

import time
from contextlib import ExitStack
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from servers.engine import look_slots
from servers.engine.look_slots import (
    SECONDS,
    CrowdedError,
    Pace,
    await_look,
    look_slot,
)
from servers.messaging import dispatch
from servers.placing.lines import Lines

pytestmark = pytest.mark.pure


class Clock:
    now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch, settings: Any) -> Clock:
    settings.WORKER_THREADS = 8
    clock = Clock()
    monkeypatch.setattr(look_slots, "time", clock)
    monkeypatch.setattr(look_slots, "_known", {})
    monkeypatch.setattr(look_slots, "_last_forgot", 0.0)
    monkeypatch.setattr(look_slots, "_lines", Lines(kept_seconds=3.0))
    return clock


@pytest.fixture
def hinted(monkeypatch: pytest.MonkeyPatch) -> list[UUID]:
    """The servers that are hinted, in order."""
    hinted: list[UUID] = []

    def take(task: str, row_id: str, _request_id: str) -> None:
        assert task == dispatch.ADVANCE
        hinted.append(UUID(row_id))

    monkeypatch.setattr(dispatch, "_send", take)
    return hinted


def look(clock: Clock, server: UUID, *, lasts: float) -> float:
    """Look once, and return the seconds that it was given."""
    with look_slot(server) as seconds:
        clock.now += min(lasts, seconds)
    return seconds


def fill(stack: ExitStack, servers: list[UUID]) -> int:
    """Begin looks until one is turned away. Return how many began."""
    for count, server in enumerate(servers):
        try:
            stack.enter_context(look_slot(server))
        except CrowdedError:
            return count
    return len(servers)


def test_what_was_slow_gets_more_time_until_it_is_quick_again(clock: Clock) -> None:
    server = uuid4()
    assert look(clock, server, lasts=60) == SECONDS[Pace.NEW]
    assert look(clock, server, lasts=1.5) == SECONDS[Pace.SLOW]
    assert look(clock, server, lasts=0.1) == SECONDS[Pace.SLOW]
    assert look(clock, server, lasts=0.1) == SECONDS[Pace.QUICK]


def test_what_is_far_away_is_not_slow(clock: Clock) -> None:
    server = uuid4()
    assert look(clock, server, lasts=0.7) == SECONDS[Pace.NEW]
    assert look(clock, server, lasts=0.7) == SECONDS[Pace.QUICK]
    assert look(clock, server, lasts=0.7) == SECONDS[Pace.QUICK]


def test_slow_ones_share_a_quarter_of_the_threads_and_wait_for_their_turn(
    clock: Clock,
) -> None:
    slow, quick = [uuid4() for _ in range(50)], [uuid4() for _ in range(9)]
    for server in slow:
        look(clock, server, lasts=60)
    for server in quick:
        look(clock, server, lasts=0.1)
    with ExitStack() as stack:
        assert fill(stack, slow) == 2
        with pytest.raises(CrowdedError) as crowded, look_slot(slow[9]):
            pass
        assert crowded.value.wait == timedelta(seconds=15)
        # The others have their own, and two threads are left for everything else.
        assert fill(stack, quick) == 4
        with pytest.raises(CrowdedError) as crowded, look_slot(quick[8]):
            pass
        assert crowded.value.wait == timedelta(seconds=SECONDS[Pace.QUICK])
    with look_slot(slow[9]):
        pass
    assert set(look_slots._in_progress.values()) == {0}


def test_new_and_slow_ones_together_leave_threads_to_those_that_answer(
    clock: Clock,
) -> None:
    slow, quick = [uuid4() for _ in range(2)], [uuid4() for _ in range(9)]
    for server in slow:
        look(clock, server, lasts=60)
    for server in quick:
        look(clock, server, lasts=0.1)
    with ExitStack() as stack:
        assert fill(stack, [uuid4() for _ in range(50)]) == 4
        with pytest.raises(CrowdedError) as crowded, look_slot(slow[0]):
            pass
        assert crowded.value.wait == timedelta(seconds=SECONDS[Pace.QUICK])
        assert fill(stack, quick) == 2
    for server in (*slow, *quick):
        look(clock, server, lasts=60 if server in slow else 0.1)
    with ExitStack() as stack:
        assert fill(stack, slow) == 2
        assert fill(stack, [uuid4() for _ in range(50)]) == 2
        assert fill(stack, quick) == 2


def test_a_machine_that_was_slow_long_ago_is_forgotten(clock: Clock) -> None:
    old, new = [uuid4() for _ in range(20)], [uuid4() for _ in range(3)]
    for server in old:
        look(clock, server, lasts=60)
    clock.now += 301
    for server in new:
        look(clock, server, lasts=60)
    with ExitStack() as stack:
        assert fill(stack, new) == 2
        with pytest.raises(CrowdedError) as crowded, look_slot(new[2]):
            pass
        assert crowded.value.wait == timedelta(seconds=2.25)
    assert set(look_slots._known) == {*new}


def test_a_look_that_fails_gives_its_slot_back(clock: Clock) -> None:
    for _ in range(20):
        with pytest.raises(ZeroDivisionError), look_slot(uuid4()):
            time.sleep(1 / 0)
    assert set(look_slots._in_progress.values()) == {0}


def turn_away(server: UUID) -> None:
    """Have a look find no slot, and wait for one."""
    with pytest.raises(CrowdedError) as crowded, look_slot(server):
        pass
    await_look(crowded.value, server)


def test_the_end_of_a_look_hints_one_that_is_known_to_answer_before_a_new_one(
    clock: Clock, hinted: list[UUID]
) -> None:
    quick, new = [uuid4() for _ in range(8)], [uuid4() for _ in range(6)]
    for server in quick:
        look(clock, server, lasts=0.1)
    with ExitStack() as looks:
        assert fill(looks, new) == 4
        assert fill(looks, quick) == 2
        turn_away(new[4])
        turn_away(quick[2])
        turn_away(quick[3])
        turn_away(new[5])
        assert hinted == []
        looks.pop_all().close()
    assert hinted == [quick[2], quick[3], new[4], new[5]]


def test_slow_ones_and_those_that_had_their_turn_meanwhile_are_not_hinted(
    clock: Clock, hinted: list[UUID]
) -> None:
    slow, quick = [uuid4() for _ in range(3)], [uuid4() for _ in range(9)]
    for server in slow:
        look(clock, server, lasts=60)
    for server in quick:
        look(clock, server, lasts=0.1)
    with ExitStack() as looks:
        assert fill(looks, slow) == 2
        assert fill(looks, quick) == 4
        turn_away(slow[2])
        turn_away(quick[4])
        turn_away(quick[5])
        turn_away(quick[6])
        turn_away(quick[7])
        looks.pop_all().close()
    # As many as the looks that ended, and no slow one among them.
    assert hinted == [quick[4], quick[5], quick[6], quick[7]]
    with ExitStack() as looks:
        assert fill(looks, quick) == 6
        turn_away(quick[6])
        turn_away(quick[7])
        looks.pop_all().close()
        assert hinted[4:] == [quick[6], quick[7]]


def test_whoever_has_a_turn_leaves_the_line_and_an_old_place_is_given_up(
    clock: Clock, hinted: list[UUID]
) -> None:
    quick = [uuid4() for _ in range(9)]
    for server in quick:
        look(clock, server, lasts=0.1)
    with ExitStack() as looks:
        with look_slot(quick[0]):
            assert fill(looks, quick[1:]) == 5
            turn_away(quick[7])
            turn_away(quick[8])
        assert hinted == [quick[7]]
        look(clock, quick[8], lasts=0.1)  # its timer was earlier than its hint
    assert hinted == [quick[7]]
    hinted.clear()
    with ExitStack() as looks:
        assert fill(looks, quick) == 6
        turn_away(quick[6])
        clock.now += 4  # its timer and a tick have passed
        turn_away(quick[7])
    assert hinted == [quick[7]]


def test_one_that_is_turned_away_as_the_last_look_ends_is_hinted_at_once(
    clock: Clock, hinted: list[UUID]
) -> None:
    new = [uuid4() for _ in range(5)]
    with ExitStack() as looks:
        assert fill(looks, new) == 4
        with pytest.raises(CrowdedError) as crowded, look_slot(new[4]):
            pass
    assert hinted == []
    await_look(crowded.value, new[4])
    assert hinted == [new[4]]
