"""decide() of a server that shuts down: what it waits for, and until when."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from servers.lifecycle.conditions import Known, Machine, Met, NotYet
from servers.lifecycle.decide import decide
from servers.lifecycle.decisions import Decision, Move, Probe, Wait
from servers.lifecycle.drain import list_names
from servers.lifecycle.snapshot import HostView, Snapshot
from servers.lifecycle.states import Event, State, Want
from servers.machine.tcp import OpenPort
from tests.lifecycle.deciding import NOW, ago, held, snapshot

HOUR = timedelta(hours=1)


class Busy:
    """A condition that waits for a build, by the records."""

    def judge(self, address: str, now: datetime) -> NotYet:
        return NotYet(f"{address} runs a build.", now + timedelta(seconds=30))


class Idle:
    """A condition that holds, by the records."""

    def judge(self, _address: str, _now: datetime) -> Met:
        return Met("The machine reported that it is drained.")


LOOKED = Machine(drained=OpenPort(2376))  # only a look tells
BUSY = Machine(drained=Busy())
IDLE = Machine(drained=Idle())
ONCE = Machine(drained=OpenPort(2376), unready_wait=timedelta())
ASKS = Machine(drained=Busy(), asks=True, unready_wait=timedelta(minutes=5))
TOLD = HostView(checked_at=ago(50), problem="It is busy.", told_at=ago(50))
TOLD_LATE = HostView(checked_at=ago(20), problem="It is busy.", told_at=ago(20))
SEEN = HostView(checked_at=ago(20), problem="It is busy.", builds=("a", "b"))
SILENT = HostView(checked_at=ago(20), problem="Docker did not answer within 3 s.")


def draining(shown: dict[str, Any] | None = None, **more: Any) -> Snapshot:
    own = held(**{"address": "10.0.0.1", **(shown or {})})
    plain = {"was_ready": True, "machine": LOOKED, "drain": HOUR, **own}
    return snapshot(State.SHUTDOWN, **{**plain, **more})


@pytest.mark.parametrize(
    ("seen", "kind", "words"),
    [
        (draining(machine=Machine()), Event.DRAINED, "without waiting for"),
        (draining(), Probe, ""),
        (draining(machine=BUSY), Wait, "10.0.0.1 runs a build. It waits until 01 Jan"),
        (draining(machine=IDLE), Event.DRAINED, "reported that it is drained"),
        (draining(want=Want.NOW), Event.DRAINED, "Terminated with force"),
        # No build can run on it.
        (draining(was_ready=False), Event.DRAINED, "It was never ready"),
        (draining(was_ready=False, host=HostView(has_agent=True)), Probe, ""),
        # A worker may have died between the start of the agent and its record.
        (draining(was_ready=False, machine=ONCE), Probe, ""),
        (
            draining(was_ready=False, machine=ONCE, host=SILENT),
            Event.DRAINED,
            "It was never ready, and nothing has answered since its termination. ",
        ),
        (draining(was_ready=False, machine=ONCE, host=TOLD), Probe, ""),
        # Nobody reaches it, so it may run builds that no report has told of.
        (draining(was_ready=False, machine=ASKS), Wait, "or longer if it answers"),
        (
            draining(was_ready=False, machine=ASKS, state_since=ago(301)),
            Event.DRAINED,
            "It was never ready, and nothing has answered since its termination. 10.0",
        ),
        (
            draining(
                was_ready=False, machine=ASKS, state_since=ago(301), host=TOLD_LATE
            ),
            Wait,
            "It waits until 01 Jan 12:54 UTC at the latest.",
        ),
        # The machine of a failed server may be dead. One that answers has its time.
        (
            draining(failed=True, host=SILENT),
            Probe,
            "",
        ),
        (
            draining(failed=True, host=SILENT, state_since=ago(301)),
            Event.DRAINED,
            "The server had failed before, and nothing has answered since. Docker did",
        ),
        (draining(failed=True, host=TOLD, state_since=ago(301)), Probe, ""),
        (draining(host=SILENT, state_since=ago(301)), Probe, ""),
        # What hears of it late has three minutes.
        (draining(host=TOLD_LATE, state_since=ago(3610)), Probe, ""),
        (
            draining(host=TOLD_LATE, state_since=ago(3610), machine=BUSY),
            Wait,
            "It waits until 01 Jan 12:02 UTC at the latest.",
        ),
        # ServerFleet was away, and nobody was told: one look, or the time to ask.
        (
            draining(state_since=ago(9000), host=HostView(checked_at=ago(8000))),
            Probe,
            "",
        ),
        (draining(machine=ASKS, state_since=ago(9000)), Probe, ""),
        (
            draining(
                machine=ASKS, state_since=ago(9000), host=HostView(checked_at=ago(20))
            ),
            Wait,
            "It waits until 01 Jan 12:02 UTC at the latest.",
        ),
        (
            draining(
                machine=ASKS, state_since=ago(9000), host=HostView(checked_at=ago(181))
            ),
            Event.DRAINED,
            "The drain timeout has passed.",
        ),
        # It was there all the time, and nothing came.
        (
            draining(machine=ASKS, state_since=ago(3601)),
            Event.DRAINED,
            "The drain timeout has passed.",
        ),
        (draining(instances=()), Event.DRAINED, "It has no instance"),
        (
            draining({"live": False, "raw_status": "terminated"}),
            Event.DRAINED,
            "shows its instance as 'terminated'",
        ),
        (
            draining({"halted": True, "raw_status": "stopped"}),
            Event.DRAINED,
            "shows its instance as 'stopped'",
        ),
        # Nobody knows what that status means, so it may still work.
        (draining({"halted": True, "unclear": True}), Probe, ""),
        # At its deadline, whatever is known.
        (
            draining(drain=timedelta(seconds=60), machine=BUSY),
            Event.DRAINED,
            "The drain timeout has passed. 10.0.0.1 runs a build.",
        ),
        (
            draining(drain=timedelta(seconds=60), host=SEEN),
            Event.DRAINED,
            "The drain timeout has passed. Still running: a, b.",
        ),
        (
            draining(drain=timedelta(seconds=60), host=SILENT),
            Event.DRAINED,
            "The drain timeout has passed. Docker did not answer within 3 s.",
        ),
        # No worker ran until now, so nobody has told the agent to finish.
        (draining(drain=timedelta(seconds=60)), Probe, ""),
        (draining(drain=timedelta(seconds=61), host=SEEN), Probe, ""),
    ],
)
def test_a_drain_ends_with_its_builds_by_force_or_at_its_deadline(
    seen: Snapshot, kind: type[Decision] | Event, words: str
) -> None:
    decision = decide(seen, NOW)
    if isinstance(kind, Event):
        assert isinstance(decision, Move), decision
        assert decision.event is kind
        assert words in decision.reason
    else:
        assert isinstance(decision, kind), decision
    if isinstance(decision, Wait):
        assert words in decision.because


def test_what_a_look_does_not_find_counts_only_after_a_moment() -> None:
    decision = decide(draining(state_since=ago(2)), NOW)
    assert isinstance(decision, Probe)
    assert decision.settled == ago(2) + timedelta(seconds=5)


def test_a_wait_never_outlasts_the_deadline() -> None:
    decision = decide(draining(machine=BUSY, drain=timedelta(seconds=70)), NOW)
    assert isinstance(decision, Wait)
    assert decision.until == ago(60) + timedelta(seconds=70)


@pytest.mark.parametrize(
    ("lasted", "again"), [(0, 2), (20, 2), (60, 6), (150, 15), (3000, 15)]
)
def test_the_longer_a_drain_lasts_the_rarer_it_is_looked_at(
    lasted: float, again: float
) -> None:
    decision = decide(draining(state_since=ago(lasted)), NOW)
    assert isinstance(decision, Probe)
    assert decision.again == timedelta(seconds=again)


def test_many_builds_are_not_all_named() -> None:
    assert list_names(["a", "b"]) == "a, b"
    assert (
        list_names([str(number) for number in range(8)]) == "0, 1, 2, 3, 4 and 3 more"
    )


def test_a_look_of_the_records_makes_no_call() -> None:
    found = NotYet("A build runs.")
    assert Known(found)(timeout=0) is found
