"""Since when a job waits, from one snapshot to the next."""

import pytest

from servers.lifecycle.pools.demand import JobState
from servers.queues.base import QueueJob, QueueSnapshot
from servers.records.snapshots import keep_times

pytestmark = pytest.mark.pure

START = 1_700_000_000.0
CREATED = START - 3600


def make_job(state: JobState, since: float) -> QueueJob:
    return QueueJob("a", state, since, {})


def keep(state: JobState, since: float, *before: QueueJob, whole: bool = True) -> float:
    """Return since when a job is in its state, 10 s after another snapshot."""
    earlier = QueueSnapshot(START, before, complete=whole)
    (job,) = keep_times([make_job(state, since)], earlier, at=START + 10)
    return job.since - START


PENDING, HELD, RUNNING = JobState.PENDING, JobState.HELD, JobState.RUNNING


def test_a_job_that_waited_for_others_at_first_waits_since_then() -> None:
    assert keep(PENDING, CREATED, make_job(HELD, CREATED)) == 0
    # Not every CI shows it before. A part of a queue does not show all.
    assert keep(PENDING, CREATED) == 0
    assert keep(PENDING, CREATED, whole=False) == CREATED - START
    assert keep(PENDING, START + 7) == 7


def test_a_job_waits_for_as_long_as_it_was_shown_so() -> None:
    assert keep(PENDING, CREATED, make_job(PENDING, START)) == 0
    assert keep(PENDING, START + 10, make_job(PENDING, START)) == 0
    assert keep(RUNNING, START + 10, make_job(RUNNING, START)) == 0
    assert keep(RUNNING, START + 7, make_job(PENDING, CREATED)) == 7


def test_what_was_never_shown_before_is_believed() -> None:
    (job,) = keep_times([make_job(PENDING, CREATED)], None, at=START)
    assert job.since == CREATED


def test_no_time_lies_ahead_after_the_clock_was_set_back() -> None:
    earlier = QueueSnapshot(START, (make_job(PENDING, START),))
    for before in (earlier, QueueSnapshot(START, ())):
        (job,) = keep_times([make_job(PENDING, CREATED)], before, at=START - 900)
        assert job.since == START - 900
