"""decide() of a running server whose health is checked."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from servers.lifecycle.conditions import Known, Machine, Met, NotYet
from servers.lifecycle.decide import decide
from servers.lifecycle.decisions import Check, Decision, Move, Replace, Wait
from servers.lifecycle.snapshot import HostView, Snapshot
from servers.lifecycle.states import Event, State
from servers.machine.tcp import OpenPort
from tests.lifecycle.deciding import LOCATION, NOW, ago, held, snapshot

MINUTE = timedelta(seconds=60)
LOOKED = Machine(healthy=OpenPort(2376))
REFUSED = "Docker refused the connection."


class Reported:
    """A condition that is judged by the records."""

    def __init__(self, found: Met | NotYet) -> None:
        self.found = found

    def judge(self, _address: str, _now: datetime) -> Met | NotYet:
        return self.found


def running(**more: Any) -> Snapshot:
    plain = {"machine": LOOKED, "state_since": ago(3600), **held(address="10.0.0.1")}
    return snapshot(State.RUNNING, **{**plain, **more})


def checked(seconds: float, failures: int = 0) -> HostView:
    problem = REFUSED if failures else ""
    return HostView(checked_at=ago(seconds), failures=failures, problem=problem)


def among(failing: int, total: int, *, lost: int = 0, **more: Any) -> Snapshot:
    """Return a server that has just failed its third check, and its location."""
    where = replace(LOCATION, failing=failing, checked=total, lost=lost)
    return running(host=checked(1, 3), locations=(where,), **more)


@pytest.mark.parametrize(
    ("seen", "kind"),
    [
        (running(machine=Machine()), Wait),
        (running(), Check),
        (running(host=checked(59)), Wait),
        (running(host=checked(60)), Check),
        (running(host=checked(59, 2)), Wait),
        # After an outage of the workers, a new check comes first.
        (running(host=checked(600, 3)), Check),
        (among(1, 1), Event.HEALTH_LOST),
        (among(5, 5, replaces=True), Wait),
        (among(5, 20), Event.HEALTH_LOST),
        (among(6, 20), Wait),
        (among(6, 60), Event.HEALTH_LOST),
        (among(7, 60), Wait),
        # All of a small location.
        (among(2, 2), Wait),
        (among(2, 3), Event.HEALTH_LOST),
        # Small groups, one after another: those that were lost lately count.
        (among(1, 16, lost=4), Event.HEALTH_LOST),
        (among(1, 15, lost=5), Wait),
        (among(1, 1, lost=1), Wait),
        (among(1, 2, lost=1), Event.HEALTH_LOST),
        (among(2, 56, lost=4, replaces=True), Replace),
        (among(3, 56, lost=4, replaces=True), Wait),
        (among(1, 9, replaces=True), Replace),
        (among(1, 9, replaces=True, protected=True), Event.HEALTH_LOST),
        (among(1, 9, replaces=True, state_since=ago(599)), Event.HEALTH_LOST),
        (among(1, 9, replaces=True, state_since=ago(600)), Replace),
    ],
)
def test_what_follows_from_checks(seen: Snapshot, kind: type[Decision] | Event) -> None:
    decision = decide(seen, NOW)
    if isinstance(kind, Event):
        assert isinstance(decision, Move), decision
        assert decision.event is kind
        assert decision.reason.startswith(f"It failed 3 checks in a row. {REFUSED}")
    else:
        assert isinstance(decision, kind), decision


def test_the_first_checks_are_spread_over_the_interval() -> None:
    for jitter in (0.0, 0.25, 1.0):
        seen = running(jitter=jitter, state_since=NOW)
        if jitter:
            decision = decide(seen, NOW)
            assert isinstance(decision, Wait)
            assert decision.until == NOW + MINUTE * jitter
        assert isinstance(decide(seen, NOW + MINUTE * jitter), Check)


def test_a_failed_check_is_told_and_the_next_one_comes_at_its_time() -> None:
    decision = decide(running(host=checked(20, 2)), NOW)
    assert isinstance(decision, Wait)
    assert decision.because == f"Failed checks in a row: 2 of 3. {REFUSED}"
    assert decision.until == ago(20) + MINUTE


def test_a_network_that_fails_holds_everything_and_is_told() -> None:
    decision = decide(among(6, 20), NOW)
    assert isinstance(decision, Wait)
    assert decision.held
    assert decision.because.startswith("6 of 20 servers in a r fail their checks at")
    # The checks go on, so the end of it is seen.
    assert decision.until is not None
    assert isinstance(decide(among(6, 20), decision.until), Check)


def test_servers_that_were_lost_lately_are_named_with_those_that_fail() -> None:
    decision = decide(among(2, 15, lost=5), NOW)
    assert isinstance(decision, Wait)
    assert decision.held
    assert decision.because.startswith(
        "7 of 20 servers in a r fail their checks or lost their health in the last 15 "
        "minutes, so it is probably the network"
    )


STOPPED = {"address": "10.0.0.1", "raw_status": "stopped", "halted": True}
GONE = {"address": "10.0.0.1", "raw_status": "terminated", "live": False}
VANISHED = {**GONE, "missed_from": ago(60)}
YOUNG = {"state_since": ago(599)}


@pytest.mark.parametrize("shown", [STOPPED, GONE, VANISHED])
@pytest.mark.parametrize(
    ("more", "ended", "words"),
    [
        ({}, 0, ""),
        ({}, 4, ""),
        ({}, 5, "because 6 of 25 servers in a r lost their instances in the last 15"),
        ({"protected": True}, 0, "It is protected, so it is not replaced."),
        (YOUNG, 0, "It is not replaced, because it failed so soon"),
        ({"replaces": False}, 0, "Retry or terminate the server."),
    ],
)
def test_an_instance_that_ends_while_its_server_runs_follows_the_same_choice(
    shown: dict[str, Any], more: dict[str, Any], ended: int, words: str
) -> None:
    where = replace(LOCATION, running=20, ended=ended)
    seen = running(**{"replaces": True, "locations": (where,), **held(**shown), **more})
    decision = decide(seen, NOW)
    if not words:
        assert isinstance(decision, Replace), decision
        assert decision.reason.startswith("The cloud shows its instance as ")
        return
    assert isinstance(decision, Move), decision
    assert decision.event in {Event.HEALTH_LOST, Event.INSTANCE_VANISHED}
    assert words in decision.reason


def test_a_status_that_nobody_knows_is_no_reason_to_replace() -> None:
    shown = held(**{**STOPPED, "unclear": True, "raw_status": "resting"})
    decision = decide(running(replaces=True, **shown), NOW)
    assert isinstance(decision, Move)
    assert decision.event is Event.HEALTH_LOST


def test_only_a_check_itself_loses_health_and_not_what_wakes_a_server_later() -> None:
    # The network failed: all others have recovered by now, and this one is not checked
    # again yet.
    late = replace(among(1, 20, replaces=True), host=checked(30, 5))
    decision = decide(late, NOW)
    assert isinstance(decision, Wait)
    assert decision.because == (
        f"Failed checks in a row: 5. The next one decides what follows. {REFUSED}"
    )
    assert decision.until == ago(30) + MINUTE
    assert isinstance(decide(late, decision.until), Check)


def test_health_in_the_records_costs_a_write_only_if_something_changes() -> None:
    healthy = Machine(healthy=Reported(Met("It reported itself.")))
    silent = NotYet("It has sent no heartbeat for 3 minutes.")
    assert isinstance(decide(running(machine=healthy), NOW), Wait)
    # A failure that was counted before must be forgotten.
    back = decide(running(machine=healthy, host=checked(60, 1)), NOW)
    assert isinstance(back, Check)
    lost = decide(running(machine=Machine(healthy=Reported(silent))), NOW)
    assert isinstance(lost, Check)
    assert lost.look == Known(silent)


@pytest.mark.parametrize("state", [State.STAGING, State.ERROR, State.STOPPING])
def test_only_running_servers_are_checked(state: State) -> None:
    seen = replace(running(host=checked(600, 3)), state=state)
    assert not isinstance(decide(seen, NOW), Check | Replace)
