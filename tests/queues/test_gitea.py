"""Gitea's queue: what it shows, and which runners may run what."""

from collections.abc import Iterator
from typing import Any

import pytest

from servers.lifecycle.pools.demand import JobState
from servers.outgoing.errors import (
    CredentialsError,
    RefusedError,
    UnknownOutcomeError,
)
from servers.queues.base import QueueConfig, QueueJob, QueueSnapshot
from servers.queues.forges import check_tags
from servers.queues.registry import describe_queue_kind, open_queue
from tests.clouds.fakes.base import running
from tests.clouds.fakes.wire import Request, Response
from tests.queues.fakes.forges import NOW
from tests.queues.fakes.gitea import FakeGitea

pytestmark = pytest.mark.pure


@pytest.fixture
def gitea() -> Iterator[FakeGitea]:
    with running(FakeGitea()) as fake:
        yield fake


def read(fake: FakeGitea, token: str = "token-one", **options: Any) -> QueueSnapshot:
    queue = open_queue("gitea", QueueConfig(fake.origin, {"token": token}, options))
    return queue.read(now=NOW, deadline=5)


def read_states(fake: FakeGitea) -> dict[str, JobState]:
    return {job.job_id: job.state for job in read(fake).jobs}


def test_a_queued_job_needs_a_runner_with_its_labels(gitea: FakeGitea) -> None:
    gitea.add(labels=["ubuntu-latest", "gpu"])
    (job,) = read(gitea).jobs
    assert job == QueueJob(
        "1",
        JobState.PENDING,
        NOW - 60,
        {"ubuntu-latest": "", "gpu": ""},
        title="run 1, build",
    )


@pytest.mark.parametrize("version", [(1, 25), (1, 27)])
def test_a_blocked_job_is_called_waiting_or_pending_and_needs_none(
    version: tuple[int, int],
) -> None:
    with running(FakeGitea(version=version)) as fake:
        fake.add("blocked")
        needed = fake.add()
        fake.add("success")
        assert read_states(fake) == {str(needed): JobState.PENDING}


def test_a_server_that_ignores_the_filter_shows_nothing_else_as_pending(
    gitea: FakeGitea, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "tests.queues.fakes.gitea.ASKED", {"queued": [], "in_progress": []}
    )
    blocked, queued, ended = (gitea.add(s) for s in ("blocked", "waiting", "failure"))
    assert read_states(gitea) == {
        str(blocked): JobState.HELD,
        str(queued): JobState.PENDING,
    }
    assert str(ended) not in read_states(gitea)


def test_a_running_job_names_its_server_and_when_it_started(gitea: FakeGitea) -> None:
    gitea.start(gitea.add(), gitea.register("agent-1"))
    shown = read(gitea)
    assert shown.names_servers
    (job,) = shown.jobs
    assert (job.state, job.server, job.since) == (JobState.RUNNING, "agent-1", NOW - 5)


def test_a_job_that_starts_between_two_lists_counts_once_as_running(
    gitea: FakeGitea,
) -> None:
    job, runner = gitea.add(), gitea.register("agent-1")

    def start(request: Request) -> None:
        if request.ask("status") == "in_progress":
            gitea.start(job, runner)

    gitea.meanwhile = start
    assert read_states(gitea) == {str(job): JobState.RUNNING}


def test_another_attempt_of_a_job_is_another_job(gitea: FakeGitea) -> None:
    gitea.add(attempt=3)
    assert read_states(gitea) == {"1.3": JobState.PENDING}


def test_pages_are_as_long_as_the_instance_allows(gitea: FakeGitea) -> None:
    gitea.most = 7
    for _ in range(23):
        gitea.add()
    assert len(read(gitea).jobs) == 23
    assert gitea.count_calls()["GET /admin/actions/jobs"] == 5


def test_jobs_that_move_to_an_earlier_page_are_read_again(gitea: FakeGitea) -> None:
    gitea.most = 5
    jobs = [gitea.add() for _ in range(12)]

    def end(request: Request) -> None:
        if request.ask("page") == "2" and jobs[0] in gitea.jobs:
            del gitea.jobs[jobs[0]]

    gitea.meanwhile = end
    shown = read(gitea)
    assert shown.complete
    assert {str(job) for job in jobs[1:]} <= {job.job_id for job in shown.jobs}


def test_a_list_that_is_shorter_than_it_says_is_not_complete(gitea: FakeGitea) -> None:
    number = gitea.add()
    row = {"id": number, "status": "queued", "labels": []}
    answer = Response(200, {"workflow_jobs": [row], "total_count": 2})
    gitea.answer(answer, role="jobs")
    empty = Response(200, {"workflow_jobs": [], "total_count": 2})
    gitea.answer(empty, role="jobs")
    assert not read(gitea).complete


@pytest.mark.parametrize(
    "body",
    [
        '{"workflow_jobs": []}',
        '{"total_count": 0}',
        '{"workflow_jobs": [], "total_count": true}',
        '{"workflow_jobs": [1], "total_count": 1}',
        '{"workflow_jobs": [{"status": "queued"}], "total_count": 1}',
    ],
)
def test_half_a_list_is_unknown(gitea: FakeGitea, body: str) -> None:
    gitea.answer(Response(200, body), times=9)
    with pytest.raises(UnknownOutcomeError):
        read(gitea)


def test_a_job_that_is_days_old_still_waits(gitea: FakeGitea) -> None:
    gitea.add(created=NOW - 30 * 86_400)
    gitea.add(created=0)
    gitea.add(created=NOW + 900)
    assert [job.since for job in read(gitea).jobs] == [NOW - 30 * 86_400, NOW, NOW]


def test_only_the_owner_s_jobs_count(gitea: FakeGitea) -> None:
    gitea.add()
    gitea.add(repo="web")
    gitea.add(owner="other")
    assert len(read(gitea).jobs) == 3
    assert len(read(gitea, owner="team").jobs) == 2
    assert len(read(gitea, owner="team/web").jobs) == 1


def test_an_owner_that_is_not_there_is_refused(gitea: FakeGitea) -> None:
    with pytest.raises(RefusedError, match="Check the owner"):
        read(gitea, owner="nobody")


@pytest.mark.parametrize("owner", ["../admin", "a/../b", "a/b/c", "a b", "/"])
def test_an_owner_that_leads_elsewhere_is_not_valid(owner: str) -> None:
    (field,) = describe_queue_kind("gitea").options
    assert field.check(owner)
    assert not field.check("my-team/app.js")


def test_who_may_not_see_the_jobs_is_told(gitea: FakeGitea) -> None:
    gitea.forbidden["token-two"] = {"jobs"}
    with pytest.raises(CredentialsError, match=r"forbidden\. Check the token"):
        read(gitea, "token-two")


@pytest.mark.parametrize(
    ("job", "pool", "surplus"),
    [
        (["ubuntu-latest"], ["ubuntu-latest"], 0),
        (["ubuntu-latest"], ["ubuntu-latest", "gpu"], 1),
        (["ubuntu-latest", "gpu"], ["ubuntu-latest"], None),
        (["Ubuntu-latest"], ["ubuntu-latest"], None),
        ([], ["ubuntu-latest"], 1),
        ([], [], 0),
    ],
)
@pytest.mark.parametrize("kind", ["gitea", "forgejo"])
def test_a_runner_has_all_labels_of_a_job_letter_by_letter(
    kind: str, job: list[str], pool: list[str], surplus: int | None
) -> None:
    match = describe_queue_kind(kind).match
    assert match(dict.fromkeys(job, ""), dict.fromkeys(pool, "")) == surplus


def test_labels_of_a_pool_have_no_image() -> None:
    assert check_tags({"ubuntu-latest": ""}) == ""
    assert "'ubuntu-latest'" in check_tags({"ubuntu-latest:docker://node": ""})
    assert "'ubuntu-latest'" in check_tags({"ubuntu-latest": "docker://node"})
