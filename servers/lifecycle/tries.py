"""What became of the tries at each candidate, and what that means for the next.

A refusal is final for its candidate. Silence (a call that is proven to have made
nothing) and an instance that failed while it booted are tries, of which each candidate
gets a few. What says nothing against the request is no try at all: the call was
throttled, or never left, or there is no capacity now. It is made again, with back-off,
until the row's pending deadline.

All of it is read from the attempts since the row was asked for, or retried. So whoever
comes next, after whatever kill, counts the same.
"""

import contextlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from servers.lifecycle.backoff import MOST_SECONDS, back_off
from servers.lifecycle.snapshot import AttemptView, Limits, Snapshot
from servers.lifecycle.states import (
    ELSEWHERE,
    FINAL,
    NO_TRY,
    Answer,
    Event,
    Outcome,
)

# Of the pending deadline, the longest wait between two calls. So a trouble that is
# over by half of the deadline leaves a row time for several more calls.
SHARE_OF_DEADLINE: Final = 10


@dataclass(frozen=True, slots=True)
class History:
    """What became of the tries at one candidate, the newest last."""

    answers: tuple[Answer, ...] = ()
    last: AttemptView | None = None

    @property
    def tries(self) -> int:
        """How many count against it."""
        return sum(answer not in NO_TRY for answer in self.answers)

    def is_over(self, limits: Limits) -> bool:
        """Tell whether nothing more is tried at this candidate."""
        return bool(FINAL.intersection(self.answers)) or self.tries >= limits.tries

    def lets_others_go_first(self, limits: Limits) -> bool:
        """Tell whether a later candidate may be tried while this one backs off."""
        if not self.answers:
            return False
        return self.answers[-1] in ELSEWHERE or len(self.answers) >= limits.tries

    def resume_at(self, snapshot: Snapshot) -> datetime | None:
        """Return when the next call may be made; None where it may at once."""
        if self.last is None:
            return None
        since = self.last.closed_at or snapshot.state_since
        return since + back_off(
            len(self.answers), snapshot.jitter, most=longest_wait(snapshot.limits)
        )


def longest_wait(limits: Limits) -> float:
    """Return the longest wait between two calls for one candidate, in seconds."""
    share = limits.pending / SHARE_OF_DEADLINE / timedelta(seconds=1)
    return min(MOST_SECONDS, share)


def read_history(snapshot: Snapshot, candidate: int) -> History:
    """Return what became of the tries at a candidate."""
    answers = []
    last = None
    for attempt in sorted(snapshot.attempts, key=lambda each: each.number):
        if attempt.candidate != candidate or attempt.number <= snapshot.tried_from:
            continue
        answer = _read_answer(attempt)
        if answer is not None:
            answers.append(answer)
            last = attempt
    return History(tuple(answers), last)


def _read_answer(attempt: AttemptView) -> Answer | None:
    """Return what a closed attempt came to; None where it is open, or just let go."""
    if attempt.is_open:
        return None
    with contextlib.suppress(ValueError):
        return Answer(attempt.answer_class)
    return {Outcome.REFUSED: Answer.REFUSED, Outcome.ABSENT: Answer.SILENCE}.get(
        attempt.outcome
    )


def follow_failure(
    snapshot: Snapshot, event: Event, *, candidate: int, answer: Answer
) -> Event:
    """Return what moves the row after a try at ``candidate`` that came to ``answer``.

    That is ``event`` (attempt_refused, attempt_absent or instance_failed) where
    something is left to try, candidates_exhausted where nothing is.
    """
    for index in range(snapshot.candidate_count):
        history = read_history(snapshot, index)
        if index == candidate:
            history = History((*history.answers, answer))
        if not history.is_over(snapshot.limits):
            return event
    return Event.CANDIDATES_EXHAUSTED


def count_most_calls(outage: float, limits: Limits) -> int:
    """Return the most calls that one server makes at one candidate in ``outage`` s.

    The last of them succeeds. It is what the shortest back-offs leave room for.
    """
    calls, spent = 1, 0.0
    while spent <= outage:
        wait = back_off(calls, 0.0, most=longest_wait(limits))
        spent += wait / timedelta(seconds=1)
        calls += 1
    return calls
