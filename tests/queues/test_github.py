"""GitHub's jobs: what is read, and what the traps of its API mean."""

from collections import Counter
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
from servers.queues.github import KIND
from servers.queues.github.options import read_repositories
from servers.queues.registry import open_queue
from tests.clouds.fakes.base import running
from tests.clouds.fakes.wire import HTML, Request, Response
from tests.queues.fakes.github import NOW, FakeGitHub, say

pytestmark = pytest.mark.pure

OWN = ("self-hosted", "linux", "x64")
DAY = 24 * 3600


@pytest.fixture
def github() -> Iterator[FakeGitHub]:
    with running(FakeGitHub()) as fake:
        yield fake


def read(
    fake: FakeGitHub, *, token: str = "token-one", now: float = NOW, **options: Any
) -> QueueSnapshot:
    options = options or {"repositories": ["acme/app"]}
    queue = open_queue("github", QueueConfig(fake.url, {"token": token}, options))
    return queue.read(now=now, deadline=20)


def show_states(shown: QueueSnapshot) -> dict[str, JobState]:
    return {job.job_id: job.state for job in shown.jobs}


def test_a_queued_job_is_pending_with_its_labels(github: FakeGitHub) -> None:
    number = github.add_job(*OWN)
    shown = read(github)
    assert shown.jobs == (
        QueueJob(
            str(number),
            JobState.PENDING,
            NOW - 60,
            dict.fromkeys(OWN, ""),
            title="acme/app, CI / build",
        ),
    )
    assert (shown.complete, shown.names_servers, shown.wait) == (True, True, 0)


def test_a_running_job_names_its_server(github: FakeGitHub) -> None:
    number = github.add_job(*OWN)
    github.start(number, "agent-1")
    (job,) = read(github).jobs
    assert (job.state, job.server, job.since) == (JobState.RUNNING, "agent-1", NOW - 5)


def test_a_job_with_a_runner_runs_even_if_its_status_is_still_the_old_one(
    github: FakeGitHub,
) -> None:
    github.add_job(*OWN, runner_name="agent-1")
    (job,) = read(github).jobs
    assert (job.state, job.server) == (JobState.RUNNING, "agent-1")


def test_jobs_are_found_in_runs_that_are_queued_and_in_runs_that_are_in_progress(
    github: FakeGitHub,
) -> None:
    run = github.add_run()
    begun, waits = (github.add_job(*OWN, run=run) for _ in range(2))
    github.start(begun, "agent-1")
    assert github.find_status(run) == "queued"
    assert show_states(read(github)) == {
        str(begun): JobState.RUNNING,
        str(waits): JobState.PENDING,
    }
    github.start(waits, "agent-2")
    assert github.find_status(run) == "in_progress"
    assert len(read(github).jobs) == 2
    github.finish(begun)
    assert show_states(read(github)) == {str(waits): JobState.RUNNING}


@pytest.mark.parametrize("status", ["waiting", "pending", "requested", "new-word"])
def test_a_job_that_github_holds_back_needs_no_server(
    github: FakeGitHub, status: str
) -> None:
    run = github.add_run()
    github.add_job(*OWN, run=run)
    held = github.add_job(*OWN, run=run, status=status)
    assert show_states(read(github))[str(held)] is JobState.HELD


def test_a_job_that_waits_for_more_than_a_day_is_dead_and_creates_no_server(
    github: FakeGitHub,
) -> None:
    dead, alive = (github.add_job(*OWN, age=age) for age in (DAY + 1, DAY - 1))
    assert show_states(read(github)) == {
        str(dead): JobState.HELD,
        str(alive): JobState.PENDING,
    }


def test_a_job_that_has_run_for_longer_than_github_lets_any_is_left_out(
    github: FakeGitHub,
) -> None:
    github.start(github.add_job(*OWN), "agent-1", age=5 * DAY + 1)
    running_still = github.add_job(*OWN)
    github.start(running_still, "agent-2", age=4 * DAY)
    assert list(show_states(read(github))) == [str(running_still)]


def test_times_of_a_clock_that_is_ahead_count_as_now(github: FakeGitHub) -> None:
    github.add_job(*OWN, age=-900)
    github.add_job(*OWN, created_at=None, started_at="soon")
    assert [job.since for job in read(github).jobs] == [NOW, NOW]


def test_jobs_for_github_s_own_runners_are_left_out_unless_they_are_asked_for(
    github: FakeGitHub,
) -> None:
    for label in ("ubuntu-latest", "Ubuntu-24.04-arm", "macos-15-xlarge", "windows-11"):
        github.add_job(label)
    own = [github.add_job(*labels) for labels in (OWN, ("ubuntu-latest", "gpu"), ())]
    assert {job.job_id for job in read(github).jobs} == set(map(str, own))
    shown = read(github, repositories=["acme/app"], hosted=True)
    assert len(shown.jobs) == 7


def test_all_pages_are_read(github: FakeGitHub) -> None:
    github.page = 2
    run = github.add_run()
    for _ in range(5):
        github.add_job(*OWN, run=run)
        github.add_job(*OWN)
    assert len(read(github).jobs) == 10
    assert len(read(github, organization="acme").jobs) == 10


def test_a_list_that_becomes_shorter_between_two_pages_is_read_again(
    github: FakeGitHub,
) -> None:
    github.page = 2
    numbers = [github.add_job(*OWN) for _ in range(5)]

    def end_newest(request: Request) -> None:
        # All older runs move up by one, the third to the page that was read already.
        if request.role == "runs" and request.ask("page") == "2" and numbers:
            github.finish(numbers.pop())

    github.meanwhile = end_newest
    shown = {job.job_id for job in read(github).jobs}
    assert shown >= set(map(str, numbers))


def test_more_runs_than_github_lists_are_not_taken_for_all(github: FakeGitHub) -> None:
    for _ in range(1001):
        github.add_job(*OWN)
    with pytest.raises(UnknownOutcomeError, match="at most 1,000 entries"):
        read(github)


def test_an_organization_s_repositories_are_found_but_no_archived_ones(
    github: FakeGitHub,
) -> None:
    numbers = {github.add_job(*OWN, repository=f"acme/r{each}") for each in range(3)}
    github.add_repository("acme/old", archived=True)
    github.add_repository("acme/off", disabled=True)
    github.add_job(*OWN, repository="acme/old")
    github.add_job(*OWN, repository="acme/off")
    github.add_job(*OWN, repository="other/app")
    shown = read(github, organization="acme")
    assert {job.job_id for job in shown.jobs} == set(map(str, numbers))


def test_an_organization_of_too_many_repositories_is_told_to_name_some(
    github: FakeGitHub,
) -> None:
    for each in range(200):
        github.add_repository(f"acme/r{each}")
    with pytest.raises(UnknownOutcomeError, match=r"201 repositories.*option repos"):
        read(github, organization="acme")


def test_a_run_that_is_deleted_meanwhile_has_no_jobs(github: FakeGitHub) -> None:
    github.add_job(*OWN)
    gone = github.add_job(*OWN)
    github.answer(say(404, "Not Found"), role="jobs")
    assert len(read(github).jobs) == 1
    assert gone


# Rate limits.


def test_an_unchanged_answer_costs_nothing_of_the_rate_limit(
    github: FakeGitHub,
) -> None:
    waits, ends = (github.add_job(*OWN) for _ in range(2))
    first = read(github)
    assert github.remaining == 5000 - 4  # two lists of runs, jobs of two runs
    assert read(github) == first
    assert github.remaining == 5000 - 4
    github.finish(ends)
    assert list(show_states(read(github))) == [str(waits)]
    assert github.remaining == 5000 - 5  # only the list of queued runs has changed


def test_what_one_token_has_seen_is_not_shown_to_another(github: FakeGitHub) -> None:
    github.add_job(*OWN)
    github.grants["token-two"] = set()
    assert len(read(github).jobs) == 1
    with pytest.raises(RefusedError, match="which"):
        read(github, token="token-two")


def test_a_304_that_nobody_asked_for_is_no_empty_list(github: FakeGitHub) -> None:
    github.answer(Response(304), role="runs", times=2)
    with pytest.raises(UnknownOutcomeError, match="304"):
        read(github)


def test_a_used_up_rate_limit_says_when_it_is_filled_again(
    github: FakeGitHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.time", lambda: NOW)
    github.remaining, github.resets = 0, NOW + 600
    with pytest.raises(ThrottledError) as raised:
        read(github)
    assert raised.value.retry_after == 600


@pytest.mark.parametrize(
    ("status", "message", "headers", "wait"),
    [
        (403, "You have exceeded a secondary rate limit.", {}, 60),
        (403, "You have triggered an abuse detection mechanism.", {}, 60),
        (429, "Slow down", {}, 60),
        (403, "Wait", {"Retry-After": "17"}, 17),
        (429, "Slow down", {"Retry-After": "17"}, 17),
    ],
)
def test_a_secondary_limit_says_how_long_to_wait(
    github: FakeGitHub, status: int, message: str, headers: dict[str, str], wait: float
) -> None:
    github.answer(Response(status, {"message": message}, headers), role="runs")
    with pytest.raises(ThrottledError) as raised:
        read(github)
    assert raised.value.retry_after == wait


def test_what_is_left_of_a_low_limit_has_to_last(
    github: FakeGitHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.time", lambda: NOW)
    github.remaining = 1300
    assert read(github).wait == 0
    github.remaining = 102
    # 100 are left for an hour, and a read that finds all changed costs two.
    github.add_job(*OWN)
    github.remaining = 103
    assert read(github).wait == pytest.approx(3600 / (101 / 2), rel=0.05)


# Who may read what.


def test_a_fine_grained_token_without_the_repository_is_no_empty_queue(
    github: FakeGitHub,
) -> None:
    github.add_job(*OWN)
    github.grants["token-one"] = {"acme/other"}
    with pytest.raises(RefusedError, match="can't read it"):
        read(github)


def test_a_missing_permission_is_named(github: FakeGitHub) -> None:
    github.forbidden["token-one"] = {"runs"}
    with pytest.raises(CredentialsError, match="It needs actions=read"):
        read(github)


def use_app(fake: FakeGitHub, **more: Any) -> dict[str, str]:
    fake.installed["acme"] = 42
    return {"app_id": fake.app_id, "private_key": fake.private_key, **more}


def read_as_app(
    fake: FakeGitHub, credentials: dict[str, str], **options: Any
) -> QueueSnapshot:
    options = options or {"organization": "acme"}
    queue = open_queue("github", QueueConfig(fake.url, credentials, options))
    return queue.read(now=NOW, deadline=20)


@pytest.mark.parametrize(
    "options", [{"organization": "acme"}, {"repositories": ["acme/app"]}]
)
def test_an_app_signs_in_once_and_reads_what_it_is_installed_for(
    github: FakeGitHub, options: dict[str, Any]
) -> None:
    credentials = use_app(github)
    github.add_job(*OWN)
    github.add_job(*OWN, repository="other/app")
    for _ in range(2):
        shown = read_as_app(github, credentials, **options)
        assert [job.title for job in shown.jobs] == ["acme/app, CI / build"]
    lent = [path for _, path in github.calls if path.endswith("/access_tokens")]
    assert len(lent) == 1


def test_an_app_s_token_that_is_revoked_is_replaced(github: FakeGitHub) -> None:
    credentials = use_app(github)
    read_as_app(github, credentials)
    github.expired.add(f"ghs_{github.app_id}_1")
    with pytest.raises(CredentialsError):
        read_as_app(github, credentials)
    # New ones are kept for a minute, whatever GitHub says of them.
    from servers.queues.github import signin

    signin._cache.__init__("The installation's token")  # type: ignore[misc]
    assert read_as_app(github, credentials).jobs == ()


def test_an_app_that_is_not_installed_is_told(github: FakeGitHub) -> None:
    credentials = use_app(github)
    with pytest.raises(CredentialsError, match="not installed"):
        read_as_app(github, credentials, organization="other")


def test_an_app_reads_the_repositories_of_one_owner(github: FakeGitHub) -> None:
    credentials = use_app(github)
    with pytest.raises(CredentialsError, match="queue for each owner"):
        read_as_app(github, credentials, repositories=["acme/app", "other/app"])


def test_a_key_of_another_app_is_told(github: FakeGitHub) -> None:
    credentials = use_app(github, private_key=FakeGitHub().private_key)
    with pytest.raises(CredentialsError, match="don't belong together"):
        read_as_app(github, credentials)


# Nonsense.


@pytest.mark.parametrize("role", ["runs", "jobs", "repositories"])
@pytest.mark.parametrize(
    "body", [HTML, "", "null", "[1]", '{"jobs": 1, "workflow_runs": {}}', "[{}]"]
)
def test_an_answer_that_is_no_list_is_no_empty_list(
    github: FakeGitHub, role: str, body: str
) -> None:
    github.add_job(*OWN)
    github.answer(Response(200, body), role=role)
    with pytest.raises(UnknownOutcomeError):
        read(github, organization="acme")


@pytest.mark.parametrize(
    ("status", "body", "headers", "error", "words"),
    [
        (401, {"message": "Bad credentials"}, {}, CredentialsError, "expired"),
        (301, {"message": "Moved Permanently"}, {}, RefusedError, "renamed"),
        (404, {"message": "Not Found"}, {}, RefusedError, "doesn't say which"),
        (
            403,
            {"message": "Resource protected by organization SAML enforcement."},
            {"X-GitHub-SSO": "required; url=https://github.com/orgs/a/sso"},
            CredentialsError,
            "Configure SSO",
        ),
        (
            403,
            {"message": "This installation has been suspended"},
            {},
            CredentialsError,
            "Unsuspend",
        ),
        (422, {"message": "Validation Failed"}, {}, RefusedError, "Validation"),
        (404, HTML, {}, UnknownOutcomeError, "404"),
        (403, HTML, {}, UnknownOutcomeError, "403"),
        (502, {"message": "Server Error"}, {}, UnknownOutcomeError, "502"),
    ],
)
def test_errors_say_what_to_do(
    github: FakeGitHub,
    status: int,
    body: Any,
    headers: dict[str, str],
    error: type[CallError],
    words: str,
) -> None:
    github.answer(Response(status, body, headers), role="runs", times=2)
    with pytest.raises(error, match=words) as raised:
        read(github)
    assert type(raised.value) is error


def test_a_list_that_single_sign_on_cuts_is_not_taken_for_all(
    github: FakeGitHub,
) -> None:
    headers = {"X-GitHub-SSO": "partial-results; organizations=21955855"}
    github.answer(Response(200, [], headers), role="repositories")
    with pytest.raises(CredentialsError, match="only a part"):
        read(github, organization="acme")


def test_a_link_to_another_host_gets_no_token(github: FakeGitHub) -> None:
    github.add_job(*OWN)
    body = {"total_count": 2, "workflow_runs": []}
    headers = {"Link": '<https://evil.example.com/next>; rel="next"'}
    github.answer(Response(200, body, headers), role="runs", times=2)
    with pytest.raises(UnknownOutcomeError, match="another host"):
        read(github)


def test_no_token_or_key_is_in_an_error(github: FakeGitHub) -> None:
    secret = "github_pat_secret-9"
    github.answer(Response(422, {"message": f"no {secret} here"}), role="runs", times=2)
    with pytest.raises(RefusedError) as raised:
        read(github, token=secret)
    assert secret not in raised.value.message


def test_each_list_is_asked_for_once(github: FakeGitHub) -> None:
    for each in range(3):
        github.add_job(*OWN, repository=f"acme/r{each}")
    read(github, organization="acme")
    assert Counter(github.count_calls()) == {
        "GET /orgs/{org}/repos": 1,
        "GET /repos/{owner}/{repo}/actions/runs": 8,
        "GET /repos/{owner}/{repo}/actions/runs/{run}/jobs": 3,
    }


# What people enter.


@pytest.mark.parametrize(
    ("credentials", "words"),
    [
        ({}, "Enter a token, or"),
        ({"app_id": "7"}, "and its private key"),
        ({"token": "t", "app_id": "7"}, "not both"),
        ({"app_id": "7", "private_key": "-----BEGIN"}, "can't be read"),
        ({"token": "t"}, ""),
        ({"app_id": "7", "private_key": FakeGitHub().private_key}, ""),
    ],
)
def test_a_queue_needs_a_token_or_an_app(
    credentials: dict[str, str], words: str
) -> None:
    said = KIND.check_credentials(credentials)
    assert words in said
    assert bool(words) == bool(said)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({}, "not both"),
        ({"organization": "acme", "repositories": "acme/app"}, "not both"),
        ({"organization": "acme", "repositories": ""}, ""),
        ({"repositories": ["acme/app"]}, ""),
        ({"repositories": "acme/app, acme/web"}, ""),
    ],
)
def test_a_queue_has_an_organization_or_repositories(
    options: dict[str, Any], words: str
) -> None:
    assert words in KIND.check_options(options)
    assert bool(words) == bool(KIND.check_options(options))


def test_names_of_repositories_are_checked_and_read_once_each() -> None:
    (field,) = (each for each in KIND.options if each.name == "repositories")
    assert field.check(["acme/app", "Acme-2/a.b_c"]) == ""
    assert field.check(["../etc"])
    assert field.check(["acme"])
    assert read_repositories({"repositories": "a/b, a/b,,c/d "}) == ["a/b", "c/d"]


def test_labels_have_no_values() -> None:
    assert KIND.check_labels({"linux": "", "gpu": ""}) == ""
    assert "empty value" in KIND.check_labels({"os": "linux"})
