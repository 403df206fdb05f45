"""What no CI may do to the rest of the service, whatever it shows.

An adapter returns what its CI says. Here it is cut to what can be stored, compared and
shown: a job stands in it once, no time lies before 1970 or ahead, and no text is longer
than anything that it can be equal to. So a job is not lost for it, and no pool gets a
job that is not for it.
"""

import hashlib
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from servers.lifecycle.pools.demand import JobState
from servers.outgoing.errors import CallError, UnknownOutcomeError
from servers.outgoing.masking import mask
from servers.queues.base import (
    MAX_JOBS,
    Labels,
    Queue,
    QueueJob,
    QueueSnapshot,
    check_count,
)

MAX_TEXT: Final = 200  # characters of an id, a title and a server's name
# Of the name or the value of a label. Jenkins takes expressions of up to 1,000 as such,
# and labels of pools are shorter: what is cut off would not have made any two equal.
MAX_LABEL: Final = 1001
MAX_LABELS: Final = 100  # of one job, and pools have fewer
MAX_LETTERS: Final = 20_000_000  # of a whole snapshot
_MORE: Final = "…"  # the name of a label that no pool has


@dataclass(frozen=True, slots=True)
class Bounded:
    """A queue whose snapshots are within these bounds, and whose errors tell no secret.

    ``secrets`` are what no message may repeat.
    """

    queue: Queue
    secrets: tuple[str, ...] = field(default=(), repr=False)

    def read(self, *, now: float, deadline: float) -> QueueSnapshot:
        """Return what the queue shows. See ``Queue``."""
        try:
            return bound_snapshot(self.queue.read(now=now, deadline=deadline))
        except CallError as error:
            # It may quote an answer that seemed to be a success.
            said = mask(error.message, self.secrets)
            raise type(error)(
                said, retry_after=error.retry_after, about=error.about
            ) from None


def bound_snapshot(shown: QueueSnapshot) -> QueueSnapshot:
    """Return a snapshot within the bounds.

    Raises UnknownOutcomeError if it is larger than can be true.
    """
    check_count(len(shown.jobs), "The queue")
    check_count(len(shown.agents), "The queue's list of agents")
    jobs = tuple(_drop_doubles(bound_job(job, shown.at) for job in shown.jobs))
    letters = sum(map(_count_letters, jobs))
    if letters > MAX_LETTERS:
        raise _explain_letters(letters)
    agents = {
        name[:MAX_TEXT]: min(busy, MAX_JOBS) for name, busy in shown.agents.items()
    }
    return replace(shown, jobs=jobs, agents=agents)


class Intake:
    """The jobs of one read as they come in, in any of its threads.

    Each job is cut at once, so that nothing else of its answer stays in memory.
    """

    def __init__(self, now: float) -> None:
        self._now = now
        self._letters = 0
        self._lock = threading.Lock()

    def take(self, job: QueueJob) -> QueueJob:
        """Return a job within the bounds. Raise UnknownOutcomeError after too many."""
        job = bound_job(job, self._now)
        with self._lock:
            self._letters += _count_letters(job)
            if self._letters > 2 * MAX_LETTERS:  # each job may come twice
                raise _explain_letters(self._letters // 2)
        return job


def _explain_letters(letters: int) -> UnknownOutcomeError:
    return UnknownOutcomeError(
        f"The queue showed jobs with {letters:,} characters in all. ServerFleet reads "
        f"at most {MAX_LETTERS:,}, so nothing changes until there are fewer."
    )


def bound_job(job: QueueJob, now: float) -> QueueJob:
    """Return a job within the bounds."""
    if _is_within(job, now):
        return job
    job_id = job.job_id
    if len(job_id) > MAX_TEXT:
        job_id = hashlib.sha256(job_id.encode(errors="replace")).hexdigest()
    return replace(
        job,
        job_id=job_id,
        since=job.since if 0 < job.since <= now else now,
        labels=_bound_labels(job.labels),
        server=job.server[:MAX_TEXT],
        title=job.title[:MAX_TEXT],
    )


def _is_within(job: QueueJob, now: float) -> bool:
    """Tell whether there is nothing to change. This is the usual case."""
    texts = (job.job_id, job.server, job.title)
    return (
        0 < job.since <= now
        and len(job.labels) <= MAX_LABELS
        and max(map(len, texts)) <= MAX_TEXT
        and max(map(len, (*job.labels, *job.labels.values())), default=0) <= MAX_LABEL
    )


def _bound_labels(labels: Labels) -> Mapping[str, str]:
    if len(labels) > MAX_LABELS:
        kept = dict(list(labels.items())[:MAX_LABELS])
        labels = {**kept, _MORE: f"{len(labels) - MAX_LABELS} more"}
    if all(len(part) <= MAX_LABEL for pair in labels.items() for part in pair):
        return labels
    return {name[:MAX_LABEL]: value[:MAX_LABEL] for name, value in labels.items()}


def _drop_doubles(jobs: Iterable[QueueJob]) -> Iterable[QueueJob]:
    """Leave out a job that is shown twice, such as on two pages.

    If it runs, it does not wait. Where it runs twice on different servers, each of them
    is busy. Jobs that are only counted have no ids.
    """
    found: dict[tuple[str, str], QueueJob] = {}
    counted = []
    for job in jobs:
        if not job.job_id:
            counted.append(job)
            continue
        server = job.server if job.state is JobState.RUNNING else ""
        known = found.get((job.job_id, server))
        if known is None or job.state is JobState.RUNNING:
            found[job.job_id, server] = job
    running = {job.job_id for job in found.values() if job.state is JobState.RUNNING}
    for job in found.values():
        if job.state is JobState.RUNNING or job.job_id not in running:
            yield job
    yield from counted


def _count_letters(job: QueueJob) -> int:
    labels = sum(len(name) + len(value) for name, value in job.labels.items())
    return labels + len(job.job_id) + len(job.server) + len(job.title)
