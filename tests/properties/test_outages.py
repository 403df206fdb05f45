"""Servers survive outages of up to half of their pending deadline.

Drawn are successive outages of a cloud and of its fallback, five minutes in total at
most, and servers requested before and during them. Time passes by making the records
older, so hours take seconds. In the end every server runs, and none has made more calls
than the back-offs allow.
"""

import os
from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from servers.lifecycle.states import NO_TRY, State
from servers.lifecycle.tries import count_most_calls
from servers.models import Account, Attempt, Location, Server
from servers.operations.accounts import save_account
from servers.placing.location_gate import limits_in_force
from servers.records.ledger import database_now
from tests.support.ageing import jump, wipe
from tests.support.fleet import (
    QUICK,
    TIMINGS,
    Workshop,
    change_template,
    make_fleet,
    provision,
)

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.slow,
    pytest.mark.sqlite,  # what is decided is the same on both
]

EXAMPLES = int(os.environ.get("HYPOTHESIS_EXAMPLES", "8"))
HALF = 300.0  # seconds, of the default deadline of ten minutes
# A rare listing keeps the gate open and takes little of the test's time.
SLOW = {**TIMINGS, "listing_busy": 20.0, "listing_idle": 20.0}
TROUBLES: dict[str, dict[str, Any]] = {
    "none": {"faults": {}, "no_capacity": []},
    "throttled": {"faults": {"throttled": 1}, "no_capacity": []},
    "unreachable": {"faults": {"unreachable": 1}, "no_capacity": []},
    "no capacity": {"faults": {}, "no_capacity": ["small"]},
    "half": {"faults": {"throttled": 0.5}, "no_capacity": []},
}


@dataclass(frozen=True)
class Spell:
    """A period with outages in the two accounts."""

    seconds: float
    first: str
    spare: str
    asked: int  # servers asked for at its start


@st.composite
def spells(draw: st.DrawFn) -> list[Spell]:
    """Draw outages that together last at most HALF."""
    names = st.sampled_from(sorted(TROUBLES))
    drawn = draw(
        st.lists(
            st.builds(Spell, st.floats(1.0, HALF), names, names, st.integers(0, 2)),
            min_size=1,
            max_size=3,
        )
    )
    share = HALF / max(HALF, sum(spell.seconds for spell in drawn))
    return [
        Spell(spell.seconds * share, spell.first, spell.spare, spell.asked)
        for spell in drawn
    ]


def make_accounts(*, fallback: bool) -> None:
    make_fleet(name="first", timings=SLOW)
    spare = save_account(
        Account(
            name="spare",
            kind="sandbox",
            options={**QUICK, "timings": SLOW},
            creates_per_minute=1_000_000,
            calls_at_once=1000,
        )
    )
    if fallback:
        change_template(fallbacks=[{"account": spare.name}])


def strike(name: str, trouble: str) -> None:
    account = Account.objects.get(name=name)
    options = {**account.options, **TROUBLES[trouble]}
    Account.objects.filter(pk=account.pk).update(options=options)


def find_next(now: datetime) -> float:
    """Return the seconds until something is due."""
    times = [
        *Server.objects.exclude(next_step_at=None).values_list(
            "next_step_at", flat=True
        ),
        *Location.objects.values_list("next_listing_at", flat=True),
    ]
    return max(0.0, min((time - now).total_seconds() for time in times if time))


def live_through(hand: Workshop, seconds: float) -> None:
    """Work, and let time pass until the next thing is due, for the given time."""
    left = seconds
    while left > 0:
        hand.turn()
        step = min(left, max(0.01, find_next(database_now())))
        jump(step)
        left -= step


@settings(
    max_examples=EXAMPLES,
    derandomize=True,
    database=None,
    deadline=None,
    phases=(Phase.generate, Phase.shrink),
    suppress_health_check=list(HealthCheck),
)
@given(troubles=spells(), fallback=st.booleans())
def _outlast(hand: Workshop, troubles: list[Spell], fallback: bool) -> None:
    wipe()
    hand.hints = []
    make_accounts(fallback=fallback)
    live_through(hand, 1.0)
    provision()
    for spell in troubles:
        strike("first", spell.first)
        strike("spare", spell.spare)
        for _ in range(spell.asked):
            provision()
        live_through(hand, spell.seconds)
        assert not Server.objects.filter(state=State.ERROR).exists(), troubles
    strike("first", "none")
    strike("spare", "none")
    for _ in range(200):
        if not Server.objects.exclude(state=State.RUNNING).exists():
            break
        live_through(hand, 2.0)
    rows = Server.objects.exclude(state=State.RUNNING)
    assert not rows.exists(), (troubles, list(rows.values_list("state", "error")))
    _count_calls(1 + fallback)


def _count_calls(placements: int) -> None:
    """Check that no server made more calls than its back-offs allow."""
    most = count_most_calls(HALF, limits_in_force())
    made = Counter(Attempt.objects.values_list("server_uid", flat=True))
    assert max(made.values()) <= most * placements
    closed = Attempt.objects.filter(outcome="refused")
    assert set(closed.values_list("answer_class", flat=True)) <= set(NO_TRY)


@pytest.mark.timeout(1800)
def test_every_server_runs_within_a_known_number_of_calls(
    workshop: Workshop,
) -> None:
    _outlast(workshop)
