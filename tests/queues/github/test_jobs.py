"""GitHub's jobs: which are found, and what they need."""

import pytest

from servers.lifecycle.pools.demand import JobState
from servers.outgoing.errors import UnknownOutcomeError
from servers.queues.base import QueueJob
from tests.clouds.fakes.wire import Request
from tests.queues.fakes.github import FakeGitHub
from tests.queues.fakes.github_base import NOW, say
from tests.queues.github.reading import OWN, read, show_states

pytestmark = pytest.mark.pure

DAY = 24 * 3600


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
