"""How past attempts at each placement decide what is tried next.

A refusal is final for its placement. A call without an answer that is confirmed to have
created nothing counts as a try, and so does an instance that failed while booting. Each
placement gets a few tries. If the request itself may be fine, it is not a try: the call
was throttled, was never sent, or found no capacity. Such a call is repeated with
back-off until the server's pending deadline. So is one that was not sent because no CI
registered the server's agent.

All of this is read from the attempts since the server was requested or retried. So any
worker counts the same, even after a crash.
"""

import contextlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from servers.lifecycle.backoff import MAX_SECONDS, back_off
from servers.lifecycle.snapshot import AttemptView, Limits, Snapshot
from servers.lifecycle.states import ELSEWHERE, FINAL, NO_TRY, Answer, Event, Outcome

# The longest wait between two calls is this fraction of the pending deadline. So if
# an outage ends by half of the deadline, there is time for several more calls.
SHARE_OF_DEADLINE: Final = 10


@dataclass(frozen=True, slots=True)
class History:
    """The outcomes of the attempts at one placement, newest last."""

    answers: tuple[Answer, ...] = ()
    last: AttemptView | None = None

    @property
    def tries(self) -> int:
        """How many attempts count as tries."""
        return sum(answer not in NO_TRY for answer in self.answers)

    def is_over(self, limits: Limits) -> bool:
        """Tell whether this placement is not tried again."""
        return bool(FINAL.intersection(self.answers)) or self.tries >= limits.tries

    def lets_others_go_first(self, limits: Limits) -> bool:
        """Tell whether a later placement may be tried while this one backs off."""
        # No other placement can do what the CI does not.
        if not self.answers or self.answers[-1] is Answer.REGISTRATION:
            return False
        return self.answers[-1] in ELSEWHERE or len(self.answers) >= limits.tries

    def resume_at(self, snapshot: Snapshot) -> datetime | None:
        """Return when the next call can be made; None if at once."""
        if self.last is None:
            return None
        since = self.last.closed_at or snapshot.state_since
        return since + back_off(
            len(self.answers), snapshot.jitter, most=longest_wait(snapshot.limits)
        )


def longest_wait(limits: Limits) -> float:
    """Return the longest wait between two calls for one placement, in seconds."""
    share = limits.pending / SHARE_OF_DEADLINE / timedelta(seconds=1)
    return min(MAX_SECONDS, share)


def read_history(snapshot: Snapshot, placement: int) -> History:
    """Return the history of the attempts at a placement."""
    answers = []
    last = None
    for attempt in sorted(snapshot.attempts, key=lambda each: each.number):
        if attempt.placement != placement or attempt.number <= snapshot.tried_from:
            continue
        answer = _read_answer(attempt)
        if answer is not None:
            answers.append(answer)
            last = attempt
    return History(tuple(answers), last)


def _read_answer(attempt: AttemptView) -> Answer | None:
    """Return the outcome of a closed attempt; None if it is open or was abandoned."""
    if attempt.is_open:
        return None
    with contextlib.suppress(ValueError):
        return Answer(attempt.answer_class)
    return {Outcome.REFUSED: Answer.REFUSED, Outcome.ABSENT: Answer.SILENCE}.get(
        attempt.outcome
    )


def follow_failure(
    snapshot: Snapshot, event: Event, *, placement: int, answer: Answer
) -> Event:
    """Return the event that follows an attempt at ``placement`` with ``answer``.

    That is ``event`` (attempt_refused, attempt_absent or instance_failed) if something
    is left to try, and candidates_exhausted if not.
    """
    for position in snapshot.positions:
        history = read_history(snapshot, position)
        if position == placement:
            history = History((*history.answers, answer))
        if not history.is_over(snapshot.limits):
            return event
    return Event.CANDIDATES_EXHAUSTED


def count_most_calls(outage: float, limits: Limits) -> int:
    """Return how many calls a server makes at most to one placement in ``outage`` s.

    Counts the call that succeeds afterwards, and assumes the shortest back-offs.
    """
    calls, spent = 1, 0.0
    while spent <= outage:
        wait = back_off(calls, 0.0, most=longest_wait(limits))
        spent += wait / timedelta(seconds=1)
        calls += 1
    return calls
