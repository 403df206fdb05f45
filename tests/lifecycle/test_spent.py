"""decide() of a running server whose agent was there for one build, and had it."""

from datetime import timedelta
from typing import Any

import pytest

from servers.lifecycle.conditions import Machine
from servers.lifecycle.decide import decide
from servers.lifecycle.decisions import Check, Move, Wait
from servers.lifecycle.health import find_next_check
from servers.lifecycle.snapshot import HostView
from servers.lifecycle.states import Event, State
from servers.machine.tcp import OpenPort
from tests.lifecycle.deciding import NOW, ago, snapshot
from tests.lifecycle.test_health import running

SPENT = HostView(checked_at=ago(1), agent_spent=True)
SAID = "Its agent has ended after the one build that it was for."
FROZEN = "It is kept, because its pool linux is frozen."
BRIEF = Machine(healthy=OpenPort(2376), ends_itself=True)


def test_it_is_terminated_as_if_somebody_had_asked_for_that() -> None:
    for more in ({}, {"replaces": True}, {"state_since": ago(1)}, {"failed": True}):
        decision = decide(running(host=SPENT, **more), NOW)
        assert decision == Move(
            Event.STOP_REQUESTED, f"{SAID} So the server is terminated."
        )


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"protected": True}, "The server is protected. Unprotect it"),
        ({"kept": FROZEN}, FROZEN),
        ({"kept": FROZEN, "protected": True}, "The server is protected. Unprotect it"),
    ],
)
def test_what_holds_other_stops_holds_this_one(more: Any, said: str) -> None:
    decision = decide(running(host=SPENT, **more), NOW)
    assert isinstance(decision, Wait)
    assert decision.because.startswith(f"{SAID} {said}")


def test_a_cordoned_server_is_left_to_whoever_cordoned_it() -> None:
    seen = running(host=SPENT, cordoned=True)
    assert isinstance(decide(seen, NOW), Wait)
    late = HostView(checked_at=ago(60), agent_spent=True)
    assert isinstance(decide(running(host=late, cordoned=True), NOW), Check)


@pytest.mark.parametrize("state", sorted(set(State) - {State.RUNNING}))
def test_no_other_state_ends_by_it(state: State) -> None:
    plain = snapshot(state, host=HostView())
    spent = snapshot(state, host=HostView(agent_spent=True))
    assert decide(spent, NOW) == decide(plain, NOW)


@pytest.mark.parametrize(
    ("ran", "failures", "seconds"),
    [(10, 0, 5), (100, 0, 10), (140, 0, 14), (3600, 0, 15), (100, 1, 60)],
)
def test_its_end_is_looked_for_the_more_often_the_younger_it_is(
    ran: float, failures: int, seconds: float
) -> None:
    host = HostView(checked_at=ago(0), failures=failures)
    seen = running(machine=BRIEF, state_since=ago(ran), host=host)
    assert find_next_check(seen) == NOW + timedelta(seconds=seconds)
    first = running(machine=BRIEF, state_since=NOW, jitter=0.5)
    assert find_next_check(first) == NOW + timedelta(seconds=2.5)
    # Others are looked at each minute, and none less often than that.
    other = running(host=HostView(checked_at=ago(0)))
    assert find_next_check(other) == NOW + timedelta(seconds=60)
