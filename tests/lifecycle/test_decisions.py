"""decide() for a server that waits or is created: a table, without a database."""

from dataclasses import replace

import pytest

from servers.lifecycle.backoff import back_off
from servers.lifecycle.decide import decide
from servers.lifecycle.decisions import (
    Adopt,
    CloseAttempt,
    Decision,
    LookUp,
    Wait,
    WriteIntent,
)
from servers.lifecycle.guards import exceeds_share
from servers.lifecycle.snapshot import Hold, Placement, PlacementView, Snapshot
from servers.lifecycle.states import Event, Outcome, State
from tests.lifecycle.deciding import (
    LOCATION,
    NOW,
    ago,
    attempt,
    check_decision,
    instance,
    snapshot,
)

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
]


@pytest.mark.parametrize(
    ("given", "wanted"), [case[1:] for case in CASES], ids=[case[0] for case in CASES]
)
def test_decide(given: Snapshot, wanted: type[Decision] | Event) -> None:
    check_decision(given, wanted)


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
