"""The example queue: jobs that come by the clock and run on servers that are there."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import pytest

from servers.lifecycle.pools.demand import JobState
from servers.queues.base import Host, QueueConfig, QueueSnapshot
from servers.queues.example.simulation import (
    LONGEST_GAP,
    MAX_JOBS,
    Settings,
    advance,
)
from servers.queues.registry import describe_queue_kind, open_queue

pytestmark = pytest.mark.pure

LINUX = {"os": "linux"}
SETTINGS = Settings(labels=LINUX)
HOST = Host("one", 2, LINUX)
START = 1_800_000_000.0


def play(
    hosts: Sequence[Host], *, until: float, step: float = 2.0, **settings: Any
) -> list[QueueSnapshot]:
    """Read the queue every ``step`` seconds, and return what it showed."""
    shown: list[QueueSnapshot] = []
    chosen = Settings(labels=LINUX, **settings)
    now = START
    while now <= START + until:
        shown.append(advance(chosen, shown[-1] if shown else None, hosts, now))
        now += step
    return shown


def count(snapshot: QueueSnapshot) -> Counter[JobState]:
    return Counter(job.state for job in snapshot.jobs)


def test_the_same_time_and_settings_show_the_same_jobs() -> None:
    assert play([HOST], until=300) == play([HOST], until=300)
    names = [
        {job.job_id for each in play([HOST], until=300, step=step) for job in each.jobs}
        for step in (2.0, 3.0)
    ]
    assert names[0] == names[1]  # however often it is read


def test_without_servers_jobs_wait_and_with_them_they_run_to_their_end() -> None:
    waiting = play([], until=300)
    assert count(waiting[-1])[JobState.RUNNING] == 0
    assert count(waiting[-1])[JobState.PENDING] > count(waiting[0])[JobState.PENDING]
    shown = play([HOST, Host("two", 8, LINUX)], until=600)
    for each in shown:
        on = Counter(job.server for job in each.jobs if job.server)
        assert on["one"] <= 2
        assert on["two"] <= 8
    seen = {job.job_id for each in shown for job in each.jobs}
    assert len(seen) > 20
    left = {job.job_id for job in shown[-1].jobs}
    assert len(seen - left) > 20
    assert all(START + 600 - job.since < 120 for job in shown[-1].jobs)


def test_a_job_runs_as_long_as_the_settings_say_on_one_server() -> None:
    runs: dict[str, list[float]] = {}
    for each in play([Host("one", 50, LINUX)], until=600):
        for job in each.jobs:
            if job.state is JobState.RUNNING:
                runs.setdefault(job.job_id, []).append(each.at)
    ended = [times[-1] - times[0] for times in runs.values() if times[-1] < START + 500]
    assert all(12 <= seconds <= 45 for seconds in ended)
    assert 20 < sum(ended) / len(ended) < 40


def test_a_job_whose_server_is_gone_waits_again() -> None:
    before = advance(SETTINGS, None, [HOST], START)
    assert count(before)[JobState.RUNNING] > 0
    after = advance(SETTINGS, before, [], START + 2)
    assert count(after)[JobState.RUNNING] == 0
    assert {job.job_id for job in before.jobs} == {job.job_id for job in after.jobs}


def test_cordoned_servers_and_those_of_other_labels_get_no_new_jobs() -> None:
    for host in (Host("one", 9, LINUX, takes_jobs=False), Host("one", 9, {"os": "x"})):
        shown = play([host], until=120)
        assert count(shown[-1])[JobState.RUNNING] == 0
    before = advance(SETTINGS, None, [HOST], START)
    cordoned = Host("one", 2, LINUX, takes_jobs=False)
    after = advance(SETTINGS, before, [cordoned], START + 1)
    assert count(after)[JobState.RUNNING] == count(before)[JobState.RUNNING]


def test_what_came_in_a_long_pause_is_left_out_and_jobs_stay_bounded() -> None:
    before = advance(SETTINGS, None, [], START)
    after = advance(SETTINGS, before, [], START + 86_400)
    new = [job for job in after.jobs if job not in before.jobs]
    assert all(job.since > START + 86_400 - LONGEST_GAP - 60 for job in new)
    shown = play([], until=4000, step=500, jobs=200, every=5)
    assert max(len(each.jobs) for each in shown) <= MAX_JOBS


@pytest.mark.parametrize(
    ("options", "labels"),
    [
        ({}, LINUX),
        ({"labels": "os=mac, arch=arm64"}, {"os": "mac", "arch": "arm64"}),
        ({"labels": ["gpu"], "jobs": 1}, {"gpu": ""}),
    ],
)
def test_a_queue_of_its_kind_is_read_before_it_is_saved(
    options: dict[str, Any], labels: dict[str, str]
) -> None:
    queue = open_queue("example", QueueConfig(options=options))
    shown = queue.read(now=START, deadline=1)
    assert shown.jobs
    assert all(job.labels == labels for job in shown.jobs)
    fields = {field.name: field for field in describe_queue_kind("example").options}
    assert all(not fields[name].check(value) for name, value in options.items())
