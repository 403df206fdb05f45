"""The one transition table, and everything that derives from it."""

import re
from pathlib import Path

import pytest
from django.db.models import CheckConstraint

from servers.lifecycle.states import (
    BOOTING,
    CLOSED,
    ENDING,
    OPEN,
    STOPPABLE,
    Event,
    Outcome,
    State,
)
from servers.lifecycle.transitions import (
    TABLE,
    allowed,
    render_mermaid,
    sources_of,
    target_of,
)
from servers.models import Server

# An assignment to it, or its name among the columns of an update.
WRITES_STATE = re.compile(r"\.state\s=\s|\"state\": target|\.update\([^)]*\bstate=")
ROOT = Path(__file__).resolve().parents[2]


def reachable(start: State) -> set[State]:
    found, new = {start}, [start]
    while new:
        state = new.pop()
        for source, _, target in TABLE:
            if source is state and target not in found:
                found.add(target)
                new.append(target)
    return found


def test_each_edge_appears_once() -> None:
    assert len({(source, event) for source, event, _ in TABLE}) == len(TABLE)


@pytest.mark.parametrize("state", sorted(BOOTING))
def test_each_working_state_has_a_deadline_and_a_failure_edge(state: State) -> None:
    assert target_of(state, Event.DEADLINE_PASSED) is State.ERROR


@pytest.mark.parametrize("state", sorted(set(State) - {State.STOPPED}))
def test_each_state_has_a_path_to_stopped(state: State) -> None:
    assert State.STOPPED in reachable(state)


@pytest.mark.parametrize("state", sorted(BOOTING))
def test_each_booting_state_has_a_path_to_running(state: State) -> None:
    assert State.RUNNING in reachable(state)


def test_a_stop_can_be_requested_unless_the_server_is_ending() -> None:
    assert sources_of(Event.STOP_REQUESTED) == STOPPABLE
    assert set(State) == STOPPABLE | ENDING
    assert not STOPPABLE & ENDING


def test_only_proof_or_disowning_ends_stopping_and_nothing_ends_stopped() -> None:
    assert allowed(State.STOPPING) == {Event.ABSENCE_CONFIRMED, Event.DISOWNED}
    assert sources_of(Event.DISOWNED) == set(State) - {State.STOPPED}
    assert allowed(State.STOPPED) == frozenset()


def test_every_event_and_state_is_in_use() -> None:
    assert {event for _, event, _ in TABLE} == set(Event)
    named = {source for source, _, _ in TABLE} | {target for _, _, target in TABLE}
    assert named == set(State)


def test_an_outcome_is_open_or_closed() -> None:
    assert set(Outcome) == OPEN | CLOSED
    assert not OPEN & CLOSED


def test_the_database_constraint_knows_the_same_states() -> None:
    (constraint,) = (
        found
        for found in Server._meta.constraints
        if found.name == "server_state_is_known"
    )
    assert isinstance(constraint, CheckConstraint)
    ((_, known),) = constraint.condition.children  # type: ignore[union-attr,misc]
    assert set(known) == {str(state) for state in State}


def test_the_diagram_in_the_docs_matches_the_table() -> None:
    assert render_mermaid() in (ROOT / "docs" / "lifecycle.md").read_text()


def test_only_the_ledger_writes_a_state() -> None:
    writers = {
        str(path.relative_to(ROOT))
        for path in (ROOT / "servers").rglob("*.py")
        if WRITES_STATE.search(path.read_text())
    }
    assert writers == {"servers/records/ledger.py"}
