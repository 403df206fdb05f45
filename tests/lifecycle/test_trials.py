"""The server of a template's trial is terminated automatically in every case."""

from datetime import timedelta
from typing import Any

import pytest

from servers.lifecycle.decide import decide
from servers.lifecycle.decisions import Move
from servers.lifecycle.states import BOOTING, ENDING, Event, State
from tests.lifecycle.deciding import NOW, snapshot

pytestmark = pytest.mark.pure

EARLY = NOW + timedelta(seconds=1)


def ends(state: State, until: Any, **more: Any) -> bool:
    decision = decide(snapshot(state, trial_until=until, **more), NOW)
    return isinstance(decision, Move) and decision.event is Event.STOP_REQUESTED


@pytest.mark.parametrize("state", [State.RUNNING, State.ERROR])
def test_it_ends_once_it_runs_or_has_failed(state: State) -> None:
    assert ends(state, EARLY)
    assert not ends(state, None)


@pytest.mark.parametrize("state", sorted(BOOTING))
def test_it_ends_when_it_is_not_ready_in_time(state: State) -> None:
    assert ends(state, NOW)
    assert not ends(state, EARLY)


def test_a_protected_server_stays_and_an_ending_one_is_left_alone() -> None:
    assert not ends(State.RUNNING, NOW, protected=True)
    for state in ENDING:
        assert not ends(state, NOW)
