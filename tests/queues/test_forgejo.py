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
from tests.queues.fakes.forgejo import FakeForgejo
from tests.queues.fakes.forges import NOW

pytestmark = pytest.mark.pure


@pytest.fixture
def forgejo() -> Iterator[FakeForgejo]:
    with running(FakeForgejo()) as fake:
        yield fake


def read(fake: FakeForgejo, **options: Any) -> QueueSnapshot:
    config = QueueConfig(fake.origin, {"token": "token-one"}, options)
    return open_queue("forgejo", config).read(now=NOW, deadline=5)


def read_jobs(fake: FakeForgejo, **options: Any) -> list[str]:
    return [job.job_id for job in read(fake, **options).jobs]


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
        (str(runs), JobState.RUNNING, ""),
    ]
    assert not shown.names_servers
    assert shown.agents == {"agent-1": 1, "agent-2": 0}


def test_null_is_an_empty_queue(forgejo: FakeForgejo) -> None:
    assert read(forgejo) == QueueSnapshot(NOW, ())


def test_null_of_a_version_that_was_asked_for_no_labels_is_no_empty_queue() -> None:
    with running(FakeForgejo(version=14)) as fake:
        fake.add()
        with pytest.raises(RefusedError, match="Enter all labels"):
            read(fake)
        assert read_jobs(fake, labels=["docker", "arm64"]) == ["1"]
        assert read_jobs(fake, labels="arm64, docker") == ["1"]
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
    assert shown.agents == {}


def test_runners_of_an_older_version_have_gitea_s_form() -> None:
    with running(FakeForgejo(version=14)) as fake:
        fake.register("agent-1", active=True)
        fake.register("agent-2")
        fake.add("running")
        assert read(fake, labels=["docker"]).agents == {"agent-1": 1, "agent-2": 0}


def test_a_runner_is_idle_busy_or_nobody_knows(forgejo: FakeForgejo) -> None:
    forgejo.register("agent-1", active=True)
    forgejo.register("agent-2")
    forgejo.register("agent-3", online=False)
    forgejo.add("running")
    assert read(forgejo).agents == {"agent-1": 1, "agent-2": 0}


def test_runners_come_in_pages(forgejo: FakeForgejo) -> None:
    for number in range(120):
        forgejo.register(f"agent-{number:03}", active=number > 110)
    forgejo.add("running")
    agents = read(forgejo).agents
    assert (len(agents), sum(agents.values())) == (120, 9)
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
    assert read_jobs(forgejo) == ["1.2"]


def test_only_the_owner_s_jobs_count(forgejo: FakeForgejo) -> None:
    forgejo.add()
    forgejo.add(owner="other")
    assert len(read(forgejo).jobs) == 2
    assert len(read(forgejo, owner="team").jobs) == 1
    with pytest.raises(RefusedError, match="Check the owner"):
        read(forgejo, owner="nobody")
