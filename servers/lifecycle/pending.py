"""A pending server: where and when the next attempt is made.

The first placement that can be tried now is used. A server waits for a placement that
backs off, unless a later one may succeed sooner. So once no placement had capacity,
the first one is tried first again. While only our own limits block it, the deadline
does not run.

Where any server of the fleet found no capacity or no quota a short time ago, no other
is sent as long as there is another placement to try or to wait for.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from servers.lifecycle.decisions import Decision, Move, Wait, WriteIntent
from servers.lifecycle.snapshot import (
    OUR_HOLDS,
    PASSED_BY,
    Hold,
    PlacementView,
    Snapshot,
)
from servers.lifecycle.states import Answer, Event
from servers.lifecycle.tries import History, read_history
from servers.wording import count_of

# Servers that were held until the same moment are spread over this time.
SPREAD = timedelta(seconds=1)


def decide_pending(snapshot: Snapshot, now: datetime) -> Decision:
    """Return the next step of a pending server."""
    full = [view for view in snapshot.placements if _is_full(view, now)]
    others = [view for view in snapshot.placements if not _is_full(view, now)]
    if not full or not any(_is_left(snapshot, view) for view in others):
        return _decide_among(snapshot, snapshot.placements, now)
    decision = _decide_among(snapshot, others, now)
    if isinstance(decision, WriteIntent):
        # The story of the attempt tells what was passed over.
        told = [_describe_full(view, now) for view in full]
        because = " ".join(filter(None, [decision.because, *told]))
        return replace(decision, because=because)
    if not isinstance(decision, Wait):
        return decision
    spread = SPREAD * snapshot.jitter
    waits = [
        Wait(_describe_full(view, now), (view.full_until or now) + spread)
        for view in full
    ]
    said = " ".join(wait.because for wait in waits)
    until = min(wait.until or now for wait in [decision, *waits])
    return Wait(f"{decision.because} {said}", until, held=decision.held)


def _is_full(view: PlacementView, now: datetime) -> bool:
    return view.full_until is not None and now < view.full_until


def _is_left(snapshot: Snapshot, view: PlacementView) -> bool:
    """Tell whether a placement can be tried, now or after a wait that is not long."""
    history = read_history(snapshot, view.placement.position)
    blocked = view.hold is Hold.UNUSABLE or view.hold in PASSED_BY
    return not blocked and not history.is_over(snapshot.limits)


def _describe_full(view: PlacementView, now: datetime) -> str:
    since = now - (view.full_since or now)
    left = (view.full_until or now) - now
    where = f"{view.placement.size} in {view.full_in}" if view.full_in else view.name
    what = f"{where} had no capacity"
    if view.quota_full:
        what = f"{view.name}: the account's quota was used up"
    return f"{what} {_in_minutes(since)} ago; it is tried again in {_in_minutes(left)}."


def _in_minutes(time: timedelta) -> str:
    return count_of(max(1, round(time / timedelta(minutes=1))), "minute")


def _decide_among(
    snapshot: Snapshot, placements: Sequence[PlacementView], now: datetime
) -> Decision:
    over: list[str] = []
    waits: list[Wait] = []
    for view in placements:
        history = read_history(snapshot, view.placement.position)
        if history.is_over(snapshot.limits):
            over.append(history.last.answer if history.last else "")
            continue
        if view.hold is Hold.UNUSABLE:
            over.append(view.because)
            continue
        if view.hold in PASSED_BY:
            waits.append(_hold(snapshot, view, now))
            continue
        resume = history.resume_at(snapshot)
        if resume is not None and now < resume:
            waits.append(Wait(_describe(view, history), resume))
            if history.lets_others_go_first(snapshot.limits):
                continue
            break
        if not _is_free(snapshot, view):
            waits.append(_hold(snapshot, view, now))
            break
        return WriteIntent(view.placement, view.rank)
    if waits:
        return _join(waits, now)
    words = " ".join(dict.fromkeys(filter(None, over)))
    return Move(Event.CANDIDATES_EXHAUSTED, words or "No location is left to try.")


def _is_free(snapshot: Snapshot, view: PlacementView) -> bool:
    return view.hold is Hold.NONE and not snapshot.location(view.location).no_create


def _hold(snapshot: Snapshot, view: PlacementView, now: datetime) -> Wait:
    """Return the wait for what blocks a placement, which clears automatically."""
    location = snapshot.location(view.location)
    soon = now + location.pace.listing
    if location.no_create and view.hold not in PASSED_BY:
        return Wait(location.no_create, soon, held=True)
    if view.until is not None:
        soon = min(soon, max(now, view.until) + SPREAD * snapshot.jitter)
    return Wait(view.because, soon, held=view.hold in OUR_HOLDS)


def _describe(view: PlacementView, history: History) -> str:
    """Return why a placement backs off, as a sentence."""
    answer = history.last.answer if history.last else ""
    if answer and history.answers[-1] is Answer.REGISTRATION:
        return answer  # of the CI, and not of this place
    return f"{view.name}: {answer or 'the last call created nothing.'}"


def _join(waits: list[Wait], now: datetime) -> Wait:
    """Join waits into one that ends with the first, and is held if all are."""
    because = " ".join(dict.fromkeys(wait.because for wait in waits))
    if any(not wait.held for wait in waits):
        because = f"{because} Retrying automatically."
    return Wait(
        because,
        min(wait.until or now for wait in waits),
        held=all(wait.held for wait in waits),
    )
