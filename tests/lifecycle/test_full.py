"""Where one server found no capacity or quota, the others don't ask for a while."""

from dataclasses import replace
from datetime import timedelta

import pytest

from servers.lifecycle.decide import decide
from servers.lifecycle.decisions import Wait
from servers.lifecycle.snapshot import Hold, Snapshot
from tests.lifecycle.deciding import NOW
from tests.lifecycle.test_tries import GONE, INTENT_A, INTENT_B, LATE, NO, A, B, pending

pytestmark = pytest.mark.pure

MINUTE = timedelta(minutes=1)


def fill(snapshot: Snapshot, *full: int, left: timedelta = 3 * MINUTE) -> Snapshot:
    """Return the snapshot in which these placements had no capacity 2 minutes ago."""
    views = tuple(
        replace(
            view,
            placement=replace(view.placement, size="small"),
            full_in="eu-central-1",
            full_since=NOW - 2 * MINUTE,
            full_until=NOW + left,
        )
        if view.placement.position in full
        else view
        for view in snapshot.placements
    )
    return replace(snapshot, placements=views)


def test_another_placement_is_used() -> None:
    assert decide(fill(pending(), A), NOW) == INTENT_B
    assert decide(fill(pending(), B), NOW) == INTENT_A
    assert decide(fill(pending(), A, left=timedelta(0)), NOW) != INTENT_B  # over


def test_it_waits_for_another_and_says_what_it_skips() -> None:
    decision = decide(fill(pending((B, GONE, LATE)), A), NOW)
    assert isinstance(decision, Wait)
    assert decision.because.endswith(
        "small in eu-central-1 had no capacity 2 minutes ago; it is tried again in "
        "3 minutes."
    )
    assert decision.until is not None
    assert decision.until < NOW + 3 * MINUTE


def test_a_quota_is_told_from_capacity() -> None:
    snapshot = fill(pending((B, GONE, LATE)), A)
    views = tuple(replace(view, quota_full=True) for view in snapshot.placements)
    decision = decide(replace(snapshot, placements=views), NOW)
    assert isinstance(decision, Wait)
    assert decision.because.endswith(
        "account-0: the account's quota was used up 2 minutes ago; it is tried again "
        "in 3 minutes."
    )


@pytest.mark.parametrize("hold", [Hold.UNUSABLE, Hold.FULL, Hold.BROKEN])
def test_if_no_other_is_left_it_is_tried_all_the_same(hold: Hold) -> None:
    for snapshot in (
        pending(placements=1),
        pending(holds={B: hold}),
    ):
        decision = decide(fill(snapshot, A), NOW)
        assert getattr(decision, "placement").position == A  # noqa: B009 - an intent
    both = decide(fill(pending(), A, B), NOW)
    assert getattr(both, "placement").position == A  # noqa: B009 - an intent


def test_after_its_own_failures_everywhere_it_backs_off_as_before() -> None:
    decision = decide(fill(pending((A, NO, LATE), (B, NO, LATE)), A, B), NOW)
    assert isinstance(decision, Wait)
    assert decision.until is not None
    assert decision.until < NOW + MINUTE
