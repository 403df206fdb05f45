"""decide() for a server that ends or has failed: a table, without a database."""

from dataclasses import replace

import pytest

from servers.lifecycle.decisions import Decision, Destroy, LookUp, Wait
from servers.lifecycle.snapshot import Snapshot
from servers.lifecycle.states import Event, State
from tests.lifecycle.deciding import (
    LOCATION,
    NOW,
    ago,
    attempt,
    check_decision,
    held,
    instance,
    snapshot,
)

CASES: list[tuple[str, Snapshot, type[Decision] | Event]] = [
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
    ("given", "wanted"), [case[1:] for case in CASES], ids=[case[0] for case in CASES]
)
def test_decide(given: Snapshot, wanted: type[Decision] | Event) -> None:
    check_decision(given, wanted)
