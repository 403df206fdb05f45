"""decide() of a running server that is cordoned, or was until now."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from servers.lifecycle.conditions import Known, Machine, Met, NotYet
from servers.lifecycle.cordon import say_behind
from servers.lifecycle.decide import decide
from servers.lifecycle.decisions import Check, Decision, Move, Tell, Wait
from servers.lifecycle.snapshot import HostView, Snapshot
from servers.lifecycle.states import Event, State
from servers.machine.tcp import OpenPort
from tests.lifecycle.deciding import LOCATION, NOW, ago, held, snapshot

LOOK = OpenPort(2376)
LOOKED = Machine(healthy=LOOK, followed=LOOK, cordon="Its agent takes no new builds.")
UNTOLD = Machine(healthy=LOOK, cordon="Its CI can still send it builds.")
REFUSED = NotYet("Docker refused the connection.")


class Reported:
    """A condition that is judged by the records."""

    def judge(self, _address: str, _now: datetime) -> NotYet:
        return REFUSED


def running(*, behind: float | None = None, failures: int = 0, **more: Any) -> Snapshot:
    """Return a server that was checked a second ago, cordoned or not for a while."""
    host = HostView(
        checked_at=more.pop("checked_at", ago(1)),
        failures=failures,
        problem=REFUSED.because if failures else "",
        has_agent=more.pop("has_agent", True),
        behind_since=None if behind is None else ago(behind),
    )
    plain = {"machine": LOOKED, "state_since": ago(3600), **held(address="10.0.0.1")}
    return snapshot(State.RUNNING, **{**plain, "host": host, "cordoned": True, **more})


@pytest.mark.parametrize(
    ("seen", "kind"),
    [
        (running(), Wait),
        (running(cordoned=False), Wait),
        # Whoever changed the mark has written since when the agent may not follow.
        (running(behind=0), Tell),
        (running(behind=0, cordoned=False), Tell),
        (running(behind=9000, cordoned=False), Tell),
        (running(behind=9, has_agent=False, cordoned=False), Tell),
        # Its health is checked at its time all the same, …
        (running(behind=9, checked_at=ago(60)), Check),
        (running(behind=9, failures=1), Tell),
        (running(behind=9, failures=2, cordoned=False), Tell),
        # … and lost, if its daemon does not answer.
        (running(behind=9, failures=3), Event.HEALTH_LOST),
        (running(behind=9, failures=3, locations=(
            replace(LOCATION, failing=6, checked=6),)), Wait),
        # Nobody can tell this agent, or there is nobody to look.
        (running(behind=9, machine=UNTOLD), Wait),
        (running(behind=9, machine=Machine()), Wait),
        # It ends, whatever its agent does.
        (running(behind=9, created_at=ago(90), ttl=timedelta(60)), Tell),
        (
            running(behind=9, created_at=ago(90), ttl=timedelta(seconds=60)),
            Event.STOP_REQUESTED,
        ),
        (replace(running(behind=9), state=State.SHUTDOWN), Event.DRAINED),
        (
            replace(running(behind=9), state=State.ERROR, state_since=ago(9)),
            Wait,
        ),
    ],
)  # fmt: skip
def test_what_follows_from_a_cordon(
    seen: Snapshot, kind: type[Decision] | Event
) -> None:
    decision = decide(seen, NOW)
    if isinstance(kind, Event):
        assert isinstance(decision, Move), decision
        assert decision.event is kind
    else:
        assert isinstance(decision, kind), decision


@pytest.mark.parametrize(
    ("seen", "words"),
    [
        (running(cordoned=False), ""),
        (running(), "It is cordoned. Its agent takes no new builds."),
        (running(machine=UNTOLD), "It is cordoned. Its CI can still send it builds."),
        (running(has_agent=False), "It is cordoned, so its agent was not started."),
        (
            running(machine=Machine()),
            f"It is cordoned. {Machine().cordon}",
        ),
        (
            running(failures=1),
            "Failed checks in a row: 1 of 3. Docker refused the connection.",
        ),
    ],
)
def test_a_cordon_says_what_it_stops(seen: Snapshot, words: str) -> None:
    decision = decide(seen, NOW)
    assert isinstance(decision, Wait)
    assert decision.because == words


@pytest.mark.parametrize(
    ("found", "cordoned", "words"),
    [
        (None, True, "its agent has not been told yet, so it can still take builds."),
        (REFUSED, True, "can still take builds. Docker refused the connection."),
        (REFUSED, False, "does not take builds yet. Docker refused the connection."),
        (Met("It is busy."), True, "It is cordoned. It is busy."),
        (Met("It ends first."), False, "It was uncordoned. It ends first."),
    ],
)
def test_what_an_agent_does_not_do_yet_is_told(
    found: Met | NotYet | None, *, cordoned: bool, words: str
) -> None:
    assert say_behind(found, cordoned=cordoned).endswith(words)


def test_an_agent_is_told_again_ever_later_but_no_later_than_a_check() -> None:
    waits = []
    for behind in (0, 50, 9000):
        decision = decide(running(behind=behind), NOW)
        assert isinstance(decision, Tell)
        assert decision.next_check == NOW + timedelta(seconds=59)
        waits.append(decision.again.total_seconds())
    assert waits == [2, 5, 15]


def test_what_the_records_say_of_an_agent_is_recorded_like_a_look() -> None:
    seen = running(behind=9, machine=replace(LOOKED, followed=Reported()))
    decision = decide(seen, NOW)
    assert isinstance(decision, Tell)
    assert decision.look == Known(REFUSED)
