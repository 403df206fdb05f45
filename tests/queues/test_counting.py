"""Jobs of which only the number is known keep a name."""

import math

import pytest

from servers.lifecycle.pools.demand import JobState
from servers.outgoing.errors import UnknownOutcomeError
from servers.queues.base import QueueJob
from servers.queues.counting import name_jobs, need_count, repeat_job

pytestmark = pytest.mark.pure

LINUX = {"os": "linux"}
Jobs = tuple[QueueJob, ...]


def show(
    before: Jobs, now: float, waiting: int, running: int = 0, **labels: str
) -> Jobs:
    jobs = repeat_job(JobState.PENDING, waiting, labels or LINUX, now)
    jobs += repeat_job(JobState.RUNNING, running, labels or LINUX, now)
    return name_jobs(before, jobs, now)


def names(jobs: Jobs, state: JobState = JobState.PENDING) -> list[str]:
    return [job.job_id for job in jobs if job.state is state]


def test_as_many_as_were_there_keep_their_names_and_the_oldest_go_first() -> None:
    first = show((), 10.0, 3)
    assert len(set(names(first))) == 3
    assert names(show(first, 20.0, 3)) == names(first)
    fewer = show(first, 20.0, 2)
    assert names(fewer) == names(first)[1:]
    more = show(fewer, 30.0, 4)
    assert names(more)[:2] == names(fewer)
    assert len({*names(first), *names(more)}) == 5


def test_those_that_start_are_those_that_waited_longest() -> None:
    first = show((), 10.0, 3, 1)
    waiting, running = names(first), names(first, JobState.RUNNING)
    # Two start, and one more comes.
    then = show(first, 20.0, 2, 3)
    assert names(then, JobState.RUNNING) == [*running, *waiting[:2]]
    assert names(then)[0] == waiting[2]
    assert names(then)[1] not in waiting
    # One that waited has ended, too.
    last = show(then, 30.0, 0, 2)
    assert names(last, JobState.RUNNING) == waiting[:2]


def test_a_name_that_has_gone_never_comes_back() -> None:
    first = show((), 10.0, 1)
    none = show(first, 20.0, 0)
    assert none == ()
    assert names(show(none, 30.0, 1)) != names(first)


def test_jobs_of_other_labels_are_others() -> None:
    first = show((), 10.0, 2)
    assert not {*names(show(first, 20.0, 2, os="windows"))} & {*names(first)}


def test_jobs_with_an_id_keep_it() -> None:
    job = QueueJob("7", JobState.PENDING, 10.0, LINUX)
    assert name_jobs((), [job], 20.0) == (job,)


@pytest.mark.parametrize(
    ("number", "count"), [(0.0, 0), (2.0, 2), (2.1, 3), (2e4, 20000)]
)
def test_a_number_of_jobs_is_rounded_up(number: float, count: int) -> None:
    assert need_count(number, "It") == count


@pytest.mark.parametrize("number", [None, math.nan, math.inf, -1.0, 20_001.0, 1e30])
def test_what_is_no_number_of_jobs_is_unknown(number: float | None) -> None:
    with pytest.raises(UnknownOutcomeError):
        need_count(number, "It")
