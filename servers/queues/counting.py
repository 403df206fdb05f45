"""Jobs of queues that only tell how many there are.

An adapter returns each of them as a job without an id. They get their names when they
are kept, as if the oldest always came first: of those that run no more, the oldest have
ended, and those that run now have been waiting longest. So a job's age, and how long it
was passed over, are known as well as can be.
"""

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from servers.lifecycle.pools.demand import JobState
from servers.outgoing.errors import UnknownOutcomeError
from servers.queues.base import COUNTED, MAX_JOBS, Labels, QueueJob, check_count

_Key = tuple[JobState, tuple[tuple[str, str], ...]]


def need_count(number: float | None, what: str) -> int:
    """Return a number of jobs, rounded up.

    Raises UnknownOutcomeError if it is no number, is negative, or can't be true.
    """
    if number is None or not math.isfinite(number) or number < 0:
        shown = "no number" if number is None else f"{number:g}"
        raise UnknownOutcomeError(f"{what} is {shown}, and not a number of jobs.")
    check_count(math.ceil(min(number, MAX_JOBS + 1)), what)
    return math.ceil(number)


def repeat_job(
    state: JobState, number: int, labels: Labels, now: float
) -> list[QueueJob]:
    """Return so many jobs without an id."""
    return [QueueJob("", state, now, labels)] * number


def name_jobs(
    before: Iterable[QueueJob], shown: Sequence[QueueJob], now: float
) -> tuple[QueueJob, ...]:
    """Return the jobs that are shown, with names for those without an id.

    ``before`` are the jobs as they were kept last. ``now`` is in Unix seconds, and
    another one each time.
    """
    counts = Counter(_key(job) for job in shown if not job.job_id)
    if not counts:
        return tuple(shown)
    known: dict[_Key, list[str]] = {}
    for job in before:
        if job.job_id.startswith(COUNTED):
            known.setdefault(_key(job), []).append(job.job_id)
    left: dict[_Key, Iterator[str]] = {}
    for labels in {labels for _, labels in counts}:
        left |= _follow(labels, known, counts)
    named, fresh = [], 0
    for job in shown:
        name = job.job_id or next(left[_key(job)], "")
        if not name:
            fresh += 1
            name = f"{COUNTED}{now:.6f}-{fresh}"
        named.append(replace(job, job_id=name))
    return tuple(named)


def _follow(
    labels: tuple[tuple[str, str], ...],
    known: dict[_Key, list[str]],
    counts: Counter[_Key],
) -> dict[_Key, Iterator[str]]:
    """Return the names that jobs with these labels had, by their state now."""
    names = {state: known.get((state, labels), []) for state in JobState}
    numbers = {state: counts[state, labels] for state in JobState}
    running = _latest(names[JobState.RUNNING], numbers[JobState.RUNNING])
    waiting = names[JobState.PENDING]
    started = waiting[: numbers[JobState.RUNNING] - len(running)]
    found = {
        JobState.RUNNING: [*running, *started],
        JobState.PENDING: _latest(waiting[len(started) :], numbers[JobState.PENDING]),
        JobState.HELD: _latest(names[JobState.HELD], numbers[JobState.HELD]),
    }
    return {(state, labels): iter(each) for state, each in found.items()}


def _latest(names: list[str], number: int) -> list[str]:
    return names[-number:] if number else []


def _key(job: QueueJob) -> _Key:
    return job.state, tuple(sorted(job.labels.items()))
