"""Forgejo's queue: what it shows, and which runners are busy."""

from collections.abc import Iterator
from typing import Any

import pytest

from servers.lifecycle.pools.demand import JobState
from servers.outgoing.errors import RefusedError, UnknownOutcomeError
from servers.queues.base import QueueConfig, QueueJob, QueueSnapshot
from servers.queues.registry import open_queue
from tests.clouds.fakes.base import running
from tests.clouds.fakes.wire import HTML, Response
from tests.queues.fakes.forgejo import NOW, FakeForgejo

pytestmark = pytest.mark.pure


@pytest.fixture
def forgejo() -> Iterator[FakeForgejo]:
    with running(FakeForgejo()) as fake:
        yield fake


def read(fake: FakeForgejo, **options: Any) -> QueueSnapshot:
    config = QueueConfig(fake.origin, {"token": "token-one"}, options)
    return open_queue("forgejo", config).read(now=NOW, deadline=5)


def read_servers(fake: FakeForgejo, **options: Any) -> dict[str, str]:
    return {job.job_id: job.server for job in read(fake, **options).jobs}


def test_a_waiting_job_needs_a_runner_with_its_labels(forgejo: FakeForgejo) -> None:
    forgejo.add(runs_on=["docker", "arm64"])
    assert read(forgejo).jobs == (
        QueueJob(
            "1", JobState.PENDING, NOW, {"docker": "", "arm64": ""}, title="build"
        ),
    )


def test_waiting_and_running_jobs_come_in_one_list(forgejo: FakeForgejo) -> None:
    waiting, runs = forgejo.add(), forgejo.add("running")
    forgejo.add("blocked")
    forgejo.register("agent-1", active=True)
    forgejo.register("agent-2")
    shown = read(forgejo)
    assert [(job.job_id, job.state, job.server) for job in shown.jobs] == [
        (str(waiting), JobState.PENDING, ""),
        (str(runs), JobState.RUNNING, "agent-1"),
    ]
    assert shown.names_servers


def test_null_is_an_empty_queue(forgejo: FakeForgejo) -> None:
    assert read(forgejo) == QueueSnapshot(NOW, ())


def test_null_of_a_version_that_was_asked_for_no_labels_is_no_empty_queue() -> None:
    with running(FakeForgejo(version=14)) as fake:
        fake.add()
        with pytest.raises(RefusedError, match="Enter all labels"):
            read(fake)
        assert read_servers(fake, labels=["docker", "arm64"]) == {"1": ""}
        assert read_servers(fake, labels="arm64, docker") == {"1": ""}
        fake.jobs.clear()
        assert read(fake, labels=["docker"]) == QueueSnapshot(NOW, ())


def test_an_older_version_has_its_jobs_elsewhere(forgejo: FakeForgejo) -> None:
    with running(FakeForgejo(version=13)) as fake:
        fake.add("running")
        shown = read(fake, labels=["docker"])
        assert fake.count_calls() == {
            "GET /admin/actions/runners/jobs": 1,
            "GET /admin/runners/jobs": 1,
            "GET /admin/actions/runners": 1,
        }
    # It shows no runners, so nobody knows which one is busy.
    assert not shown.names_servers
    assert [job.server for job in shown.jobs] == [""]


def test_runners_of_an_older_version_have_gitea_s_form() -> None:
    with running(FakeForgejo(version=14)) as fake:
        fake.register("agent-1", active=True)
        fake.add("running")
        assert read_servers(fake, labels=["docker"]) == {"2": "agent-1"}


def test_running_jobs_are_spread_over_the_active_runners_with_their_labels(
    forgejo: FakeForgejo,
) -> None:
    forgejo.register("agent-1", active=True)
    forgejo.register("agent-2", active=True, labels=["docker", "gpu"])
    forgejo.register("agent-3")
    gpu = forgejo.add("running", runs_on=["gpu"])
    plain = [forgejo.add("running") for _ in range(3)]
    found = read_servers(forgejo)
    assert found[str(gpu)] == "agent-2"
    assert {found[str(job)] for job in plain} == {"agent-1", "agent-2"}


def test_no_active_runner_counts_as_idle(forgejo: FakeForgejo) -> None:
    forgejo.register("agent-1", active=True)
    forgejo.register("agent-2", active=True)
    job = forgejo.add("running")
    found = read_servers(forgejo)
    assert found == {str(job): "agent-1", "runner agent-2": "agent-2"}


def test_a_job_without_an_active_runner_leaves_open_who_is_busy(
    forgejo: FakeForgejo,
) -> None:
    forgejo.register("agent-1")
    forgejo.register("agent-2", active=True, labels=["other"])
    forgejo.add("running")
    assert not read(forgejo).names_servers


def test_runners_come_in_pages(forgejo: FakeForgejo) -> None:
    for number in range(120):
        forgejo.register(f"agent-{number:03}", active=number > 110)
    forgejo.add("running")
    assert len(read(forgejo).jobs) == 9
    assert forgejo.count_calls()["GET /admin/actions/runners"] == 3


def test_runners_that_can_t_be_read_leave_the_queue_unknown(
    forgejo: FakeForgejo,
) -> None:
    forgejo.add("running")
    forgejo.answer(Response(200, HTML), role="runners")
    with pytest.raises(UnknownOutcomeError):
        read(forgejo)


@pytest.mark.parametrize(
    "body", ['[{"status": "waiting"}]', '[{"id": 1, "status": "odd"}]', "{}"]
)
def test_a_job_that_can_t_be_read_is_unknown(forgejo: FakeForgejo, body: str) -> None:
    forgejo.answer(Response(200, body))
    with pytest.raises(UnknownOutcomeError):
        read(forgejo)


def test_a_job_that_has_just_ended_is_left_out(forgejo: FakeForgejo) -> None:
    forgejo.answer(Response(200, '[{"id": 1, "status": "cancelled"}]'))
    assert read(forgejo).jobs == ()


def test_another_attempt_of_a_job_is_another_job(forgejo: FakeForgejo) -> None:
    forgejo.add(attempt=2)
    assert read_servers(forgejo) == {"1.2": ""}


def test_only_the_owner_s_jobs_count(forgejo: FakeForgejo) -> None:
    forgejo.add()
    forgejo.add(owner="other")
    assert len(read(forgejo).jobs) == 2
    assert len(read(forgejo, owner="team").jobs) == 1
    with pytest.raises(RefusedError, match="Check the owner"):
        read(forgejo, owner="nobody")
