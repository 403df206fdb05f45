"""decide() for a server that boots or runs: a table, without a database."""

from dataclasses import replace
from datetime import timedelta

import pytest

from servers.lifecycle.conditions import Machine
from servers.lifecycle.decisions import ConfirmVanished, Decision, Probe, Replace, Wait
from servers.lifecycle.snapshot import Limits, Snapshot
from servers.lifecycle.states import Event, State
from servers.machine.tcp import OpenPort
from tests.lifecycle.deciding import LOCATION, ago, check_decision, held, snapshot

PROBED = Machine(ready=OpenPort(22))

CASES: list[tuple[str, Snapshot, type[Decision] | Event]] = [
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
]


@pytest.mark.parametrize(
    ("given", "wanted"), [case[1:] for case in CASES], ids=[case[0] for case in CASES]
)
def test_decide(given: Snapshot, wanted: type[Decision] | Event) -> None:
    check_decision(given, wanted)
