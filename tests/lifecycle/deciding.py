"""Snapshots of a server, and the decisions that they lead to."""

from datetime import UTC, datetime, timedelta
from typing import Any

from servers.lifecycle.decide import decide
from servers.lifecycle.decisions import (
    Decision,
    Move,
)
from servers.lifecycle.snapshot import (
    AttemptView,
    InstanceView,
    LocationView,
    Pace,
    Placement,
    PlacementView,
    Snapshot,
)
from servers.lifecycle.states import Event, Outcome, State

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


def check_decision(given: Snapshot, wanted: type[Decision] | Event) -> None:
    """Check which decision a snapshot leads to, or which event moves the server."""
    decision = decide(given, NOW)
    if isinstance(wanted, Event):
        assert isinstance(decision, Move)
        assert decision.event is wanted
    else:
        assert isinstance(decision, wanted), decision
