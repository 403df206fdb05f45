"""decide(): a table of snapshots and the expected decisions, without a database."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from servers.lifecycle.backoff import back_off
from servers.lifecycle.conditions import Machine
from servers.lifecycle.decide import decide
from servers.lifecycle.decisions import (
    Adopt,
    CloseAttempt,
    ConfirmVanished,
    Decision,
    Destroy,
    LookUp,
    Move,
    Probe,
    Replace,
    Wait,
    WriteIntent,
)
from servers.lifecycle.guards import exceeds_share
from servers.lifecycle.snapshot import (
    AttemptView,
    Hold,
    InstanceView,
    Limits,
    LocationView,
    Pace,
    Placement,
    PlacementView,
    Snapshot,
)
from servers.lifecycle.states import Event, Outcome, State
from servers.machine.tcp import OpenPort

NOW = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)
PACE = Pace(
    lease=timedelta(seconds=150),
    settle=timedelta(seconds=120),
    lag=timedelta(seconds=5),
    grace=timedelta(seconds=300),
    gate=timedelta(seconds=300),
    listing=timedelta(seconds=5),
)
LOCATION = LocationView(location="a/r", name="a r", pace=PACE, newest=NOW)


def ago(seconds: float) -> datetime:
    return NOW - timedelta(seconds=seconds)


def attempt(**more: Any) -> AttemptView:
    plain = {
        "number": 1,
        "outcome": Outcome.ASKED,
        "location": "a/r",
        "lease_end": ago(10),
    }
    return AttemptView(**{**plain, **more})


def instance(**more: Any) -> InstanceView:
    plain = {
        "pk": 1,
        "instance_id": "i-1",
        "attempt_number": 1,
        "location": "a/r",
        "first_seen": ago(600),
    }
    return InstanceView(**{**plain, **more})


def snapshot(state: State, **more: Any) -> Snapshot:
    plain = {
        "state_since": ago(60),
        "created_at": ago(600),
        "locations": (LOCATION,),
        "placements": (PlacementView(Placement(0), "a r small", "a/r"),),
    }
    return Snapshot(state=state, **{**plain, **more})


def held(**more: Any) -> dict[str, Any]:
    return {
        "attempt_number": 1,
        "instance_id": "i-1",
        "attempts": (attempt(outcome=Outcome.ACCEPTED, answered_at=ago(500)),),
        "instances": (instance(**more),),
    }


PROBED = Machine(ready=OpenPort(22))

CASES: list[tuple[str, Snapshot, type[Decision] | Event]] = [
    ("a pending row with an open gate", snapshot(State.PENDING), WriteIntent),
    (
        "a closed gate",
        snapshot(State.PENDING, locations=(replace(LOCATION, no_create="closed"),)),
        Wait,
    ),
    (
        "a held row past its deadline goes on waiting",
        snapshot(
            State.PENDING,
            deadline_at=ago(1),
            locations=(replace(LOCATION, no_create="closed"),),
        ),
        Wait,
    ),
    (
        "no placement that can be used",
        snapshot(
            State.PENDING,
            placements=(
                PlacementView(
                    Placement(0), "a", "a/r", hold=Hold.UNUSABLE, because="disabled"
                ),
            ),
        ),
        Event.CANDIDATES_EXHAUSTED,
    ),
    (
        "backing off after a try",
        snapshot(
            State.PENDING,
            attempts=(
                attempt(outcome=Outcome.ABSENT, lease_end=ago(0), closed_at=ago(0.1)),
            ),
        ),
        Wait,
    ),
    (
        "a call without answer is looked for first",
        snapshot(State.CREATING, attempt_number=1, attempts=(attempt(),)),
        LookUp,
    ),
    (
        "looked for before settle: wait",
        snapshot(
            State.CREATING, attempt_number=1, attempts=(attempt(looked_at=ago(5)),)
        ),
        Wait,
    ),
    (
        "after settle it is looked for again",
        snapshot(
            State.CREATING,
            attempt_number=1,
            attempts=(attempt(lease_end=ago(200), looked_at=ago(190)),),
        ),
        LookUp,
    ),
    (
        "looked for after settle: absent",
        snapshot(
            State.CREATING,
            attempt_number=1,
            attempts=(attempt(lease_end=ago(200), looked_at=ago(10)),),
        ),
        CloseAttempt,
    ),
    (
        "found by its key",
        snapshot(
            State.CREATING,
            attempt_number=1,
            attempts=(attempt(),),
            instances=(instance(),),
        ),
        Adopt,
    ),
    (
        "a condemned instance is never adopted",
        snapshot(
            State.CREATING,
            attempt_number=1,
            attempts=(attempt(),),
            instances=(instance(condemned=True),),
        ),
        LookUp,
    ),
    (
        "an instance of an older attempt is never adopted",
        snapshot(
            State.CREATING,
            attempt_number=2,
            attempts=(attempt(outcome=Outcome.ABSENT), attempt(number=2)),
            instances=(instance(attempt_number=1),),
        ),
        LookUp,
    ),
    (
        "an address",
        snapshot(State.CREATED, **held(address="10.0.0.1")),
        Event.ADDRESS_SEEN,
    ),
    ("no address yet", snapshot(State.CREATED, **held()), Wait),
    (
        "ready by its address",
        snapshot(State.STAGING, **held(address="10.0.0.1")),
        Event.READY,
    ),
    (
        "a probe is asked for",
        snapshot(State.STAGING, machine=PROBED, **held(address="10.0.0.1")),
        Probe,
    ),
    (
        "a build that failed",
        snapshot(State.CREATED, **held(failed=True)),
        Event.INSTANCE_FAILED,
    ),
    (
        "an instance that stopped while it booted",
        snapshot(State.STAGING, **held(halted=True, raw_status="stopped")),
        Event.INSTANCE_FAILED,
    ),
    (
        "an instance that ended while it booted",
        snapshot(State.CREATED, **held(live=False, raw_status="terminated")),
        Event.INSTANCE_FAILED,
    ),
    (
        "one that is believed gone while it booted",
        snapshot(State.CREATED, **held(live=False, missed_from=ago(60))),
        Event.INSTANCE_VANISHED,
    ),
    (
        "a status that nobody knows while it boots",
        snapshot(State.STAGING, **held(halted=True, unclear=True, address="10.0.0.1")),
        Wait,
    ),
    (
        "an instance that stopped while it ran",
        snapshot(State.RUNNING, **held(halted=True, raw_status="stopped")),
        Event.HEALTH_LOST,
    ),
    (
        "a status that nobody knows while it runs",
        snapshot(State.RUNNING, **held(halted=True, unclear=True)),
        Event.HEALTH_LOST,
    ),
    (
        "a spot instance that was taken back while it booted",
        snapshot(State.STAGING, **held(interrupted=True, live=False)),
        Event.INSTANCE_FAILED,
    ),
    (
        "one that is taken back soon, while it boots",
        snapshot(State.CREATED, **held(interrupted=True)),
        Event.INSTANCE_FAILED,
    ),
    (
        "taken back again and again",
        snapshot(State.CREATED, limits=Limits(tries=1), **held(interrupted=True)),
        Event.CANDIDATES_EXHAUSTED,
    ),
    (
        "taken back while it ran",
        snapshot(State.RUNNING, **held(interrupted=True, halted=True)),
        Event.INSTANCE_INTERRUPTED,
    ),
    (
        "taken back soon: its builds can finish",
        snapshot(State.RUNNING, **held(interrupted=True)),
        Event.STOP_REQUESTED,
    ),
    (
        "taken back soon, and its template replaces",
        snapshot(State.RUNNING, replaces=True, **held(interrupted=True)),
        Replace,
    ),
    (
        "taken back soon, but protected",
        snapshot(State.RUNNING, protected=True, **held(interrupted=True)),
        Wait,
    ),
    (
        "taken back, although protected",
        snapshot(
            State.RUNNING,
            protected=True,
            replaces=True,
            **held(interrupted=True, live=False),
        ),
        Event.INSTANCE_INTERRUPTED,
    ),
    (
        "failed for the last time",
        snapshot(
            State.STAGING, limits=Limits(tries=1), **held(failed=True, fault="No disk.")
        ),
        Event.CANDIDATES_EXHAUSTED,
    ),
    (
        "past its deadline, and looked at since",
        snapshot(State.CREATED, deadline_at=ago(5), **held()),
        Event.DEADLINE_PASSED,
    ),
    (
        "past its deadline, not looked at since",
        snapshot(
            State.CREATED,
            deadline_at=ago(5),
            **{**held(), "locations": (replace(LOCATION, newest=ago(60)),)},
        ),
        Wait,
    ),
    (
        "missed twice",
        snapshot(State.RUNNING, **held(missed_from=ago(30))),
        ConfirmVanished,
    ),
    ("missed once", snapshot(State.RUNNING, **held(missed_from=ago(2))), Wait),
    (
        "too many missed at once",
        snapshot(
            State.RUNNING,
            **{
                **held(missed_from=ago(30)),
                "locations": (replace(LOCATION, live=20, missing=19),),
            },
        ),
        Wait,
    ),
    (
        "ended without being asked to",
        snapshot(State.RUNNING, **held(live=False)),
        Event.INSTANCE_VANISHED,
    ),
    (
        "its ttl is over",
        snapshot(State.RUNNING, ttl=timedelta(seconds=60), **held()),
        Event.STOP_REQUESTED,
    ),
    (
        "its ttl is over, but it is protected",
        snapshot(State.RUNNING, ttl=timedelta(seconds=60), protected=True, **held()),
        Wait,
    ),
    ("nothing to drain", snapshot(State.SHUTDOWN), Event.DRAINED),
    ("something to destroy", snapshot(State.STOPPING, **held()), Destroy),
    (
        "asked to destroy a moment ago",
        snapshot(State.STOPPING, **held(destroy_asked_at=ago(1))),
        Wait,
    ),
    (
        "asked to destroy long ago, and still there",
        snapshot(State.STOPPING, **held(destroy_asked_at=ago(100))),
        Destroy,
    ),
    (
        "destroys are frozen",
        snapshot(
            State.STOPPING,
            **{**held(), "locations": (replace(LOCATION, no_destroy="frozen"),)},
        ),
        Wait,
    ),
    (
        "a doubled instance of an older attempt is destroyed, too",
        snapshot(
            State.STOPPING,
            **{
                **held(live=False),
                "instances": (
                    instance(live=False),
                    instance(pk=2, instance_id="i-2", attempt_number=0),
                ),
            },
        ),
        Destroy,
    ),
    (
        "gone, not proven by listings",
        snapshot(State.STOPPING, **held(live=False)),
        Wait,
    ),
    (
        "one look is no proof",
        snapshot(
            State.STOPPING,
            **{
                **held(live=False),
                "locations": (replace(LOCATION, first_look=NOW, last_look=NOW),),
            },
        ),
        Wait,
    ),
    (
        "two looks a lag apart are",
        snapshot(
            State.STOPPING,
            **{
                **held(live=False),
                "locations": (
                    replace(LOCATION, first_look=ago(20), last_look=ago(10)),
                ),
            },
        ),
        Event.ABSENCE_CONFIRMED,
    ),
    ("nothing was ever asked", snapshot(State.STOPPING), Event.ABSENCE_CONFIRMED),
    (
        "an errored row still looks for its call",
        snapshot(State.ERROR, attempt_number=1, attempts=(attempt(),)),
        LookUp,
    ),
    (
        "an errored row keeps its instance for a while",
        snapshot(State.ERROR, **held()),
        Wait,
    ),
    (
        "and then ends",
        snapshot(State.ERROR, state_since=ago(4000), **held()),
        Event.STOP_REQUESTED,
    ),
    ("stopped is the end", snapshot(State.STOPPED), Wait),
]


@pytest.mark.parametrize(
    ("given", "wanted"),
    [case[1:] for case in CASES],
    ids=[case[0] for case in CASES],
)
def test_decide(given: Snapshot, wanted: type[Decision] | Event) -> None:
    decision = decide(given, NOW)
    if isinstance(wanted, Event):
        assert isinstance(decision, Move)
        assert decision.event is wanted
    else:
        assert isinstance(decision, wanted), decision


def test_of_several_instances_the_lowest_id_is_adopted() -> None:
    decision = decide(
        snapshot(
            State.CREATING,
            attempt_number=1,
            attempts=(attempt(),),
            instances=(instance(pk=2, instance_id="i-2"), instance()),
        ),
        NOW,
    )
    assert isinstance(decision, Adopt)
    assert decision.instance.instance_id == "i-1"


def test_back_off_doubles_to_a_minute_at_most() -> None:
    waits = [back_off(number, 1.0).total_seconds() for number in range(10)]
    assert waits == [0, 1, 2, 4, 8, 16, 32, 60, 60, 60]
    assert back_off(10**6, 0.0).total_seconds() == 30


def test_a_share_has_a_floor() -> None:
    assert not exceeds_share(5, 5, share=0.1, floor=5)
    assert exceeds_share(6, 20, share=0.1, floor=5)
    assert not exceeds_share(10, 100, share=0.1, floor=5)
