"""GitLab's jobs: what is read, and which runners may run what."""

from collections.abc import Iterator
from typing import Any

import pytest

from servers.lifecycle.pools.demand import JobState
from servers.outgoing.errors import (
    CallError,
    CredentialsError,
    RefusedError,
    ThrottledError,
    UnknownOutcomeError,
)
from servers.queues.base import QueueConfig, QueueJob, QueueSnapshot
from servers.queues.gitlab import KIND
from servers.queues.registry import open_queue
from tests.clouds.fakes.base import running
from tests.clouds.fakes.wire import HTML, Request, Response
from tests.queues.fakes.gitlab import NOW, FakeGitLab

pytestmark = pytest.mark.pure

DAY = 24 * 3600


@pytest.fixture
def gitlab() -> Iterator[FakeGitLab]:
    with running(FakeGitLab()) as fake:
        yield fake


def read(
    fake: FakeGitLab, *, token: str = "token-one", **options: Any
) -> QueueSnapshot:
    if not options.keys() & {"group", "projects"}:
        options["projects"] = ["acme/app"]
    queue = open_queue("gitlab", QueueConfig(fake.url, {"token": token}, options))
    return queue.read(now=NOW, deadline=20)


def show_states(shown: QueueSnapshot) -> dict[str, JobState]:
    return {job.job_id: job.state for job in shown.jobs}


def test_a_job_waits_since_it_was_queued_and_not_since_its_pipeline_was_created(
    gitlab: FakeGitLab,
) -> None:
    number = gitlab.add_job("docker", "Linux")
    assert read(gitlab).jobs == (
        QueueJob(
            str(number),
            JobState.PENDING,
            NOW - 60,
            {"docker": "", "Linux": ""},
            title="acme/app, rspec",
        ),
    )


def test_only_jobs_that_wait_for_a_runner_or_have_one_are_read(
    gitlab: FakeGitLab,
) -> None:
    waits = gitlab.add_job()
    for status in ("created", "manual", "waiting_for_resource", "success", "canceled"):
        gitlab.add_job(status=status)
    gitlab.start(runs := gitlab.add_job(), "agent-1")
    assert show_states(read(gitlab)) == {
        str(runs): JobState.RUNNING,
        str(waits): JobState.PENDING,
    }


def test_a_shared_runner_names_no_server(gitlab: FakeGitLab) -> None:
    gitlab.start(gitlab.add_job(), "all of them")
    shown = read(gitlab)
    assert (shown.names_servers, shown.jobs[0].server) == (False, "")
    own = read(gitlab, runner_per_server=True)
    assert (own.names_servers, own.jobs[0].server) == (True, "all of them")
    assert own.jobs[0].since == NOW - 5


def test_a_job_that_waits_for_more_than_a_day_creates_no_server(
    gitlab: FakeGitLab,
) -> None:
    dead, alive = (gitlab.add_job(age=age) for age in (DAY + 1, DAY - 1))
    assert show_states(read(gitlab)) == {
        str(alive): JobState.PENDING,
        str(dead): JobState.HELD,
    }


def test_an_older_server_that_tells_no_waiting_time_tells_when_the_job_was_created(
    gitlab: FakeGitLab,
) -> None:
    gitlab.add_job(queued_duration=None)
    gitlab.add_job(queued_duration=-900)
    gitlab.add_job(queued_duration=None, created_at="soon")
    assert [job.since for job in read(gitlab).jobs] == [NOW, NOW, NOW - 3660]


def test_all_pages_of_jobs_are_read_even_if_some_end_meanwhile(
    gitlab: FakeGitLab,
) -> None:
    gitlab.page = 2
    numbers = [gitlab.add_job() for _ in range(7)]
    newest = [*numbers]

    def end_newest(request: Request) -> None:
        if request.role == "jobs" and request.ask("cursor"):
            gitlab.jobs[newest.pop()]["status"] = "success"

    gitlab.meanwhile = end_newest
    assert {job.job_id for job in read(gitlab).jobs} == set(map(str, numbers))


def test_a_group_has_the_projects_of_its_subgroups_but_no_archived_ones(
    gitlab: FakeGitLab,
) -> None:
    gitlab.page = 1
    numbers = {
        gitlab.add_job(project=path)
        for path in ("acme/app", "acme/web/site", "acme/web/deep/est")
    }
    gitlab.add_job(project="other/app")
    gitlab.add_project("acme/old", archived=True)
    gitlab.add_project("acme/off", builds_access_level="disabled")
    shown = read(gitlab, group="acme")
    assert {job.job_id for job in shown.jobs} == set(map(str, numbers))
    assert shown.wait == pytest.approx(3 * 0.15)


def test_a_group_of_too_many_projects_is_told_to_name_some(gitlab: FakeGitLab) -> None:
    for each in range(400):
        gitlab.add_project(f"acme/p{each}")
    with pytest.raises(UnknownOutcomeError, match=r"more than 400.*option projects"):
        read(gitlab, group="acme")


def test_a_project_that_can_t_be_read_is_no_empty_project(gitlab: FakeGitLab) -> None:
    gitlab.add_job(project="acme/web")
    gitlab.hidden["token-one"] = {"acme/web"}
    with pytest.raises(RefusedError, match="doesn't say which"):
        read(gitlab, projects=["acme/app", "acme/web"])
    with pytest.raises(RefusedError, match="doesn't say which"):
        read(gitlab, group="no-such")


@pytest.mark.parametrize("role", ["jobs", "projects"])
@pytest.mark.parametrize("body", [HTML, "", "null", '{"a": 1}', "[1]", "[{}]"])
def test_an_answer_that_is_no_list_is_no_empty_list(
    gitlab: FakeGitLab, role: str, body: str
) -> None:
    gitlab.answer(Response(200, body), role=role)
    with pytest.raises(UnknownOutcomeError):
        read(gitlab, group="acme")


@pytest.mark.parametrize(
    ("status", "body", "headers", "error", "words"),
    [
        (401, {"message": "401 Unauthorized"}, {}, CredentialsError, "expired"),
        (401, {"error": "invalid_token"}, {}, CredentialsError, "expired"),
        (403, {"error": "insufficient_scope"}, {}, CredentialsError, "read_api"),
        (301, "moved", {"Location": "/x"}, RefusedError, "another address"),
        (400, {"error": "scope is invalid"}, {}, RefusedError, "400"),
        (429, "Retry later\n", {"Retry-After": "9"}, ThrottledError, "429"),
        (404, HTML, {}, UnknownOutcomeError, "404"),
        (401, HTML, {}, CredentialsError, "401"),
        (403, HTML, {}, UnknownOutcomeError, "403"),
        (500, {"message": "500"}, {}, UnknownOutcomeError, "500"),
    ],
)
def test_errors_say_what_to_do(
    gitlab: FakeGitLab,
    status: int,
    body: Any,
    headers: dict[str, str],
    error: type[CallError],
    words: str,
) -> None:
    gitlab.answer(Response(status, body, headers))
    with pytest.raises(error, match=words) as raised:
        read(gitlab)
    assert type(raised.value) is error
    if status == 429:
        assert raised.value.retry_after == 9


def test_a_rate_limit_without_retry_after_says_when_it_is_filled_again(
    gitlab: FakeGitLab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.time", lambda: NOW)
    headers = {"RateLimit-Reset": str(NOW + 30)}
    gitlab.answer(Response(429, "Retry later\n", headers))
    with pytest.raises(ThrottledError) as raised:
        read(gitlab)
    assert raised.value.retry_after == 30


@pytest.mark.parametrize(
    ("job", "pool", "surplus", "missing"),
    [
        ({"docker": ""}, {"docker": "", "gpu": ""}, 1, []),
        ({"docker": ""}, {"Docker": ""}, None, ["docker"]),
        ({"docker": "", "gpu": ""}, {"docker": ""}, None, ["gpu"]),
        ({}, {"docker": ""}, None, ["run_untagged=true"]),
        ({}, {"docker": "", "run_untagged": "true"}, 1, []),
        ({}, {}, 0, []),
        ({"docker": ""}, {"docker": "", "run_untagged": "true"}, 0, []),
        ({"run_untagged": ""}, {"run_untagged": "true"}, None, []),
    ],
)
def test_a_job_fits_a_runner_by_gitlab_s_rule(
    job: dict[str, str], pool: dict[str, str], surplus: int | None, missing: list[str]
) -> None:
    assert KIND.match(job, pool) == surplus
    assert KIND.list_missing(job, pool) == missing


def test_settings_are_explained() -> None:
    assert KIND.check_labels({"docker": "", "run_untagged": "true"}) == ""
    assert "empty value" in KIND.check_labels({"os": "linux"})
    assert "true" in KIND.check_labels({"run_untagged": ""})
    assert "not both" in KIND.check_options({})
    assert "not both" in KIND.check_options({"group": "a", "projects": ["a/b"]})
    assert KIND.check_options({"projects": "a/b, a/c"}) == ""
    (projects,) = (each for each in KIND.options if each.name == "projects")
    assert projects.check(["acme/web/app", "acme"]) == ""
    assert projects.check(["acme//app"])
