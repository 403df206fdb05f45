"""Buildkite's queues: counts alone, by the name of the queue."""

from collections import Counter
from collections.abc import Iterator

import pytest

from servers.lifecycle.pools.demand import JobState
from servers.outgoing.errors import CredentialsError, UnknownOutcomeError
from servers.queues.base import QueueConfig, QueueSnapshot
from servers.queues.buildkite.adapter import (
    check_labels,
    list_missing_queue,
    match_queue,
)
from servers.queues.registry import describe_queue_kind, open_queue
from tests.clouds.fakes.base import running
from tests.clouds.fakes.wire import Response
from tests.queues.fakes.buildkite import FakeBuildkite
from tests.queues.fakes.drone import NOW

pytestmark = pytest.mark.pure


@pytest.fixture
def buildkite() -> Iterator[FakeBuildkite]:
    with running(FakeBuildkite()) as fake:
        yield fake


def read(url: str, token: str = "token-one") -> QueueSnapshot:
    queue = open_queue("buildkite", QueueConfig(url, {"token": token}))
    return queue.read(now=NOW, deadline=5)


def test_each_queue_has_as_many_jobs_as_it_counts(buildkite: FakeBuildkite) -> None:
    for queue, state in (
        ("default", "scheduled"),
        ("default", "scheduled"),
        ("linux", "scheduled"),
        ("linux", "running"),
        ("linux", "waiting"),
    ):
        buildkite.add(queue, state)
    shown = read(buildkite.url)
    counts = Counter((job.labels["queue"], job.state) for job in shown.jobs)
    assert counts == {
        ("default", JobState.PENDING): 2,
        ("linux", JobState.PENDING): 1,
        ("linux", JobState.RUNNING): 1,
        # Behind a wait step, which no agent can end.
        ("linux", JobState.HELD): 1,
    }
    # Nobody knows which agent runs it, so none counts as idle.
    assert not shown.names_servers
    assert {job.job_id for job in shown.jobs} == {""}


def test_an_empty_queue_is_empty(buildkite: FakeBuildkite) -> None:
    assert read(buildkite.url) == QueueSnapshot(NOW, (), wait=10)


def test_buildkite_says_how_often_to_ask(buildkite: FakeBuildkite) -> None:
    buildkite.poll = 45
    assert read(buildkite.url).wait == 45


@pytest.mark.parametrize(
    "jobs",
    [
        {},
        {"queues": []},
        {"queues": {"default": 3}},
        {"queues": {"default": {"scheduled": 1, "running": 0}}},
        {"queues": {"default": {"scheduled": -1, "running": 0, "waiting": 0}}},
        {"queues": {"default": {"scheduled": 1e9, "running": 0, "waiting": 0}}},
    ],
)
def test_what_is_not_counted_whole_is_unknown(
    buildkite: FakeBuildkite, jobs: object
) -> None:
    buildkite.answer(Response(200, {"jobs": jobs}))
    with pytest.raises(UnknownOutcomeError):
        read(buildkite.url)


def test_a_token_of_no_cluster_is_explained(buildkite: FakeBuildkite) -> None:
    with pytest.raises(CredentialsError, match="agent token is not valid"):
        read(buildkite.url, "nobody")


def test_an_agent_runs_the_jobs_of_its_queue_and_of_no_other() -> None:
    linux, usual = {"queue": "linux"}, {"queue": "default"}
    assert match_queue(linux, linux) == 0
    assert match_queue(linux, usual) is None
    assert match_queue(linux, {"queue": "Linux"}) is None
    assert match_queue(usual, {}) == 0
    assert match_queue(linux, {}) is None
    assert list_missing_queue(linux, {}) == ["queue=linux"]
    assert list_missing_queue(usual, {}) == []
    assert check_labels(linux) == ""
    assert "only by their queue" in check_labels({"os": "linux"})


def test_its_own_address_needs_no_url() -> None:
    assert describe_queue_kind("buildkite").default_url.startswith("https://agent.")
