"""Runners are removed from GitHub before their servers drain, and none with a job."""

from typing import Any

import pytest

from servers.outgoing.errors import (
    CredentialsError,
    RefusedError,
    ThrottledError,
    UnknownOutcomeError,
)
from servers.queues.base import QueueConfig
from servers.queues.cordons import Cordoned
from servers.queues.registry import describe_queue_kind
from tests.clouds.fakes.faults import NO_REQUEST
from tests.clouds.fakes.wire import HTML, Request, Response
from tests.queues.fakes.github import FakeGitHub

pytestmark = pytest.mark.pure

ACME = {"organization": "acme"}


def cordon(
    fake: FakeGitHub, wanted: dict[str, bool], options: Any = None, deadline: float = 10
) -> Cordoned:
    config = QueueConfig(fake.url, {"token": "token-one"}, options or ACME)
    opened = describe_queue_kind("github").open_cordons
    assert opened is not None
    return opened(config).cordon(wanted, deadline=deadline)


def list_names(fake: FakeGitHub) -> list[str]:
    return [runner["name"] for runner in fake.runners.values()]


def test_an_idle_runner_is_removed_and_no_other(github: FakeGitHub) -> None:
    github.page = 1
    for name in ("agent-1", "agent-2", "agent-20"):
        github.add_runner(name)
    found = cordon(github, {"agent-2": True})
    assert found == Cordoned(changed=frozenset({"agent-2"}))
    assert list_names(github) == ["agent-1", "agent-20"]


def test_a_busy_runner_keeps_its_job_and_is_asked_for_again(
    github: FakeGitHub,
) -> None:
    number = github.add_runner("agent-1", busy=True)
    assert cordon(github, {"agent-1": True}) == Cordoned()
    assert list_names(github) == ["agent-1"]
    github.runners[number]["busy"] = False
    assert cordon(github, {"agent-1": True}).changed == {"agent-1"}


def test_a_runner_that_gets_a_job_in_this_moment_keeps_it(github: FakeGitHub) -> None:
    number = github.add_runner("agent-1")

    def send_job(request: Request) -> None:
        if request.role == "remove":
            github.runners[number]["busy"] = True

    github.meanwhile = send_job
    assert cordon(github, {"agent-1": True}) == Cordoned()
    assert list_names(github) == ["agent-1"]


def test_a_runner_that_is_not_there_gets_no_jobs(github: FakeGitHub) -> None:
    assert cordon(github, {"agent-1": True}).already == {"agent-1"}
    github.add_runner("agent-2")
    github.answer(Response(404, {"message": "Not Found"}), role="remove")
    assert cordon(github, {"agent-2": True}).changed == {"agent-2"}


def test_what_was_removed_can_t_come_back(github: FakeGitHub) -> None:
    github.add_runner("agent-1")
    assert cordon(github, {"agent-1": False}) == Cordoned()
    assert list_names(github) == ["agent-1"]


def test_runners_of_repositories_are_removed_there(github: FakeGitHub) -> None:
    github.add_repository("acme/web")
    options = {"repositories": ["acme/app", "acme/web"]}
    for owner, busy in (("acme/app", False), ("acme/web", True), ("acme", False)):
        github.add_runner("agent-1", owner, busy=busy)
    assert cordon(github, {"agent-1": True}, options) == Cordoned()
    owners = [runner["owner"] for runner in github.runners.values()]
    assert owners == ["acme/web", "acme"]


def test_a_list_that_has_not_changed_costs_nothing(github: FakeGitHub) -> None:
    github.add_runner("agent-1", busy=True)
    cordon(github, {"agent-1": True})
    left = github.remaining
    cordon(github, {"agent-1": True})
    assert github.remaining == left


@pytest.mark.parametrize("role", ["runners", "remove"])
def test_what_goes_wrong_is_told(github: FakeGitHub, role: str) -> None:
    github.add_runner("agent-1")
    forbidden = github.refuse("forbidden", NO_REQUEST)
    for answer, error in (
        (forbidden, CredentialsError),
        (Response(502, HTML), UnknownOutcomeError),
        (Response(429, {"message": "Slow down"}), ThrottledError),
    ):
        github.answer(answer, role=role)
        with pytest.raises(error) as raised:
            cordon(github, {"agent-1": True})
        assert type(raised.value) is error
    assert list_names(github) == ["agent-1"]


def test_an_organization_that_can_t_be_seen_is_no_list_without_the_runner(
    github: FakeGitHub,
) -> None:
    github.answer(Response(404, {"message": "Not Found"}), role="runners")
    with pytest.raises(RefusedError, match="doesn't say which"):
        cordon(github, {"agent-1": True})
