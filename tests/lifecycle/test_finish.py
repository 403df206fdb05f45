"""An instance that needs another call before it boots: when it is sent, when not."""

from dataclasses import replace
from typing import Any

import pytest

from servers.lifecycle.decide import decide
from servers.lifecycle.decisions import Decision, Finish, Move, Wait
from servers.lifecycle.snapshot import Snapshot
from servers.lifecycle.states import Event, Outcome, State
from tests.lifecycle.deciding import (
    LOCATION,
    NOW,
    PACE,
    ago,
    attempt,
    instance,
    snapshot,
)

pytestmark = pytest.mark.pure

OFF = {"halted": True, "stopped": True, "raw_status": "stopped"}


def unfinished(state: State = State.CREATED, /, **more: Any) -> Snapshot:
    """Return a server whose instance was created stopped, and not switched on yet."""
    given = {
        "attempt_number": 1,
        "instance_id": "i-1",
        "attempts": (
            attempt(outcome=Outcome.ACCEPTED, answered_at=ago(60), unfinished=True),
        ),
        "instances": (instance(**OFF),),
    }
    return snapshot(state, **{**given, **more})


def finished(seconds: float, **shown: Any) -> Snapshot:
    """Return a server whose instance was switched on some seconds ago."""
    done = attempt(
        outcome=Outcome.ACCEPTED, answered_at=ago(900), finished_at=ago(seconds)
    )
    given: dict[str, Any] = {"attempts": (done,)}
    if shown:
        given["instances"] = (instance(**shown),)
    return unfinished(**given)


def kind_of(decision: Decision) -> type[Decision] | Event:
    return decision.event if isinstance(decision, Move) else type(decision)


SETTLE = PACE.settle.total_seconds()


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        (unfinished(), Finish),
        # Also if it already has an address: nobody could use it.
        (unfinished(instances=(instance(address="10.0.0.1"),)), Finish),
        (unfinished(instances=(instance(failed=True),)), Event.INSTANCE_FAILED),
        (
            unfinished(instances=(instance(halted=True, raw_status="deleting"),)),
            Event.INSTANCE_FAILED,
        ),
        (unfinished(instances=(instance(live=False),)), Event.INSTANCE_FAILED),
        (unfinished(State.ERROR, state_since=ago(1)), Wait),
        # Its own deadline counts, once a listing after it showed nothing new.
        (unfinished(deadline_at=ago(1)), Event.DEADLINE_PASSED),
        (
            unfinished(
                deadline_at=ago(1), locations=(replace(LOCATION, newest=ago(2)),)
            ),
            Finish,
        ),
        # A listing may have begun before it was switched on, or lag behind.
        (finished(SETTLE - 1), Wait),
        (finished(SETTLE), Event.INSTANCE_FAILED),
        (finished(1, address="10.0.0.1"), Event.ADDRESS_SEEN),
        (finished(1, failed=True), Event.INSTANCE_FAILED),
    ],
)
def test_decide(given: Snapshot, wanted: type[Decision] | Event) -> None:
    assert kind_of(decide(given, NOW)) is wanted


def test_where_the_gate_is_closed_no_call_is_sent_and_the_deadline_waits() -> None:
    closed = replace(LOCATION, closed="Its listing is too old.")
    given = unfinished(locations=(closed,), deadline_at=ago(1))
    decision = decide(given, NOW)
    assert isinstance(decision, Wait)
    assert decision.held
    assert decision.because == "Its listing is too old."
