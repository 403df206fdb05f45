"""Any order of operations, steps, crashes, faults and time jumps keeps the invariants.

HYPOTHESIS_EXAMPLES=500 explores more than a run of all tests.
"""

import os

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.properties.machine import FleetMachine
from tests.support.fleet import Workshop

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

EXAMPLES = int(os.environ.get("HYPOTHESIS_EXAMPLES", "15"))


@pytest.mark.timeout(3600)
def test_any_order_of_events_keeps_the_invariants(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("django.conf.settings.HEALTH_INTERVAL", 1.0)
    monkeypatch.setattr("django.conf.settings.DRAIN_RECHECK", 0.3)
    FleetMachine.hand = workshop
    FleetMachine.seen.clear()
    run_state_machine_as_test(
        FleetMachine,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=40,
            derandomize=True,
            database=None,
            deadline=None,
            print_blob=False,
            phases=(Phase.generate, Phase.shrink),
            suppress_health_check=list(HealthCheck),
        ),
    )
    seen = FleetMachine.seen
    print(dict(seen))
    drained = "The simulated build has finished."
    for name in ("killed", "running", "stopped", "ConflictError", "two calls", drained):
        assert seen[name] > 0, (name, seen)
