"""A pending server: where and when the next attempt is made.

The first candidate that can be tried now is used. A server waits for a candidate that
backs off, unless a later one may succeed sooner. So once no candidate had capacity,
the first one is tried first again. While only our own limits block it, the deadline
does not run.
"""

from datetime import datetime, timedelta

from servers.lifecycle.decisions import Decision, Move, Wait, WriteIntent
from servers.lifecycle.snapshot import (
    OUR_HOLDS,
    PASSED_BY,
    CandidateView,
    Hold,
    Snapshot,
)
from servers.lifecycle.states import Event
from servers.lifecycle.tries import History, read_history

# Servers that were held until the same moment are spread over this time.
SPREAD = timedelta(seconds=1)


def decide_pending(snapshot: Snapshot, now: datetime) -> Decision:
    """Return the next step of a pending server."""
    over: list[str] = []
    waits: list[Wait] = []
    for candidate in snapshot.candidates:
        history = read_history(snapshot, candidate.index)
        if history.is_over(snapshot.limits):
            over.append(history.last.answer if history.last else "")
            continue
        if candidate.hold is Hold.UNUSABLE:
            over.append(candidate.because)
            continue
        if candidate.hold in PASSED_BY:
            waits.append(_hold(snapshot, candidate, now))
            continue
        resume = history.resume_at(snapshot)
        if resume is not None and now < resume:
            waits.append(Wait(_describe(candidate, history), resume))
            if history.lets_others_go_first(snapshot.limits):
                continue
            break
        if not _is_free(snapshot, candidate):
            waits.append(_hold(snapshot, candidate, now))
            break
        return WriteIntent(candidate.index)
    if waits:
        return _join(waits, now)
    words = " ".join(dict.fromkeys(filter(None, over)))
    return Move(Event.CANDIDATES_EXHAUSTED, words or "No location is left to try.")


def _is_free(snapshot: Snapshot, candidate: CandidateView) -> bool:
    return (
        candidate.hold is Hold.NONE
        and not snapshot.location(candidate.location).no_create
    )


def _hold(snapshot: Snapshot, candidate: CandidateView, now: datetime) -> Wait:
    """Return the wait for what blocks a candidate, which clears automatically."""
    location = snapshot.location(candidate.location)
    soon = now + location.pace.listing
    if location.no_create and candidate.hold not in PASSED_BY:
        return Wait(location.no_create, soon, held=True)
    if candidate.until is not None:
        soon = min(soon, max(now, candidate.until) + SPREAD * snapshot.jitter)
    return Wait(candidate.because, soon, held=candidate.hold in OUR_HOLDS)


def _describe(candidate: CandidateView, history: History) -> str:
    """Return why a candidate backs off, as a sentence."""
    answer = history.last.answer if history.last else ""
    return f"{candidate.name}: {answer or 'the last call created nothing.'}"


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
