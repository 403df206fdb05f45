"""What is special about the runners of GitHub, GitLab and Forgejo."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from servers.machine.agents.table import AGENTS
from servers.outgoing.errors import RefusedError, UnknownOutcomeError
from servers.queues.base import Labels, QueueConfig
from servers.queues.registrars import BusyError
from servers.queues.registry import describe_queue_kind, list_queue_kinds
from tests.clouds.fakes.base import running
from tests.clouds.fakes.wire import Request, Response
from tests.queues.fakes.forgejo import FakeForgejo
from tests.queues.fakes.github import FakeGitHub
from tests.queues.fakes.gitlab import FakeGitLab
from tests.queues.registering import FORGEJO, GITHUB, GITLAB, KEYS

pytestmark = pytest.mark.pure


@pytest.fixture
def gitlab() -> Iterator[FakeGitLab]:
    with running(FakeGitLab()) as found:
        yield found


def test_a_list_that_is_not_whole_is_none() -> None:
    with running(FakeForgejo()) as fake:
        FORGEJO.register(fake, KEYS[0])
        short = Response(200, [{"id": 1, "name": KEYS[0]}], {"X-Total-Count": "2"})
        fake.answer(short, role="runners")
        fake.answer(Response(200, [], {"X-Total-Count": "2"}), role="runners")
        with pytest.raises(UnknownOutcomeError, match="has 2 runners, and showed 1"):
            FORGEJO.open(fake).list_registered("ci-", deadline=5)


def test_kinds_give_their_agents_all_that_these_need() -> None:
    found = {}
    for kind in list_queue_kinds():
        if (registers := kind.registers) is None:
            continue
        agent = AGENTS[registers.agent]
        needed = {each.name for each in agent.variables if each.required}
        assert needed == registers.variables
        assert registers.credential in registers.variables
        found[kind.name] = registers.agent
    assert found == {
        "forgejo": "gitea",
        "gitea": "gitea",
        "github": "github",
        "gitlab": "gitlab",
    }


def read_sent(fake: Any, role: str = "register") -> Any:
    return next(each.data for each in reversed(fake.seen) if each.role == role)


def test_github_gets_the_labels_of_the_pool_and_the_runner_group(
    github: FakeGitHub,
) -> None:
    github.groups.add(7)
    GITHUB.register(github, KEYS[0], {"x64": "", "linux": ""})
    assert read_sent(github) == {
        "name": KEYS[0],
        "runner_group_id": 1,
        "labels": ["linux", "x64"],
        "work_folder": "_work",
    }
    registrar = GITHUB.open(github, runner_group=7)
    registrar.register(KEYS[1], labels={}, deadline=5)
    assert read_sent(github)["runner_group_id"] == 7
    assert read_sent(github)["labels"] == ["self-hosted"]
    with pytest.raises(RefusedError, match="if there is no runner group 8"):
        GITHUB.open(github, runner_group=8).register(KEYS[2], labels={}, deadline=5)


def test_a_name_in_use_at_github_may_be_of_a_lost_answer(github: FakeGitHub) -> None:
    GITHUB.register(github, KEYS[0])
    with pytest.raises(UnknownOutcomeError, match="409: Already exists"):
        GITHUB.register(github, KEYS[0])


def test_a_runner_at_github_that_gets_a_job_in_this_moment_stays(
    github: FakeGitHub,
) -> None:
    runner = GITHUB.register(github, KEYS[0])

    def send_job(request: Request) -> None:
        if request.role == "remove":
            github.runners[int(runner.runner_id)]["busy"] = True

    github.meanwhile = send_job
    with pytest.raises(BusyError):
        GITHUB.open(github).unregister(runner, deadline=5)
    assert GITHUB.list_names(github) == [KEYS[0]]


@pytest.mark.parametrize(
    ("kind", "options", "owner"),
    [
        ("github", {"repositories": ["acme/app", "acme/web"]}, "for one repository"),
        ("gitlab", {"projects": ["acme/app", "acme/web"]}, "for one project"),
    ],
)
def test_several_owners_have_no_runner_in_common(
    kind: str, options: dict[str, Any], owner: str
) -> None:
    registers = describe_queue_kind(kind).registers
    assert registers is not None
    assert owner in registers.check_options(options)
    registrar = registers.open(QueueConfig("http://unused", {"token": "x"}, options))
    with pytest.raises(RefusedError, match=owner):
        registrar.register(KEYS[0], labels={}, deadline=5)


def test_gitlab_gets_the_tags_of_the_pool(gitlab: FakeGitLab) -> None:
    def register(labels: Labels) -> dict[str, Any]:
        runner = GITLAB.register(gitlab, KEYS[0], labels)
        kept = gitlab.runners[int(runner.runner_id)]
        return {name: kept[name] for name in ("owner", "tag_list", "run_untagged")}

    shared = {"owner": "acme"}
    tagged = register({"gpu": "", "docker": ""})
    assert tagged == shared | {"tag_list": ["docker", "gpu"], "run_untagged": False}
    both = register({"docker": "", "run_untagged": "true"})
    assert both == shared | {"tag_list": ["docker"], "run_untagged": True}
    assert register({}) == shared | {"tag_list": [], "run_untagged": True}
    gitlab.most_runners = 3
    with pytest.raises(RefusedError, match="limit of runners"):
        register({})


def test_gitlab_names_the_server_by_a_runner_that_was_registered_for_it(
    gitlab: FakeGitLab,
) -> None:
    config = QueueConfig(gitlab.url, {"token": "token-one"}, {"group": "acme"})
    opened = describe_queue_kind("gitlab").open
    assert opened is not None
    first, second = gitlab.add(), gitlab.add()
    gitlab.start(first, KEYS[0])
    shown = opened(config).read(now=1_800_000_000, deadline=5)
    assert {job.server for job in shown.jobs} == {KEYS[0], ""}
    assert shown.names_servers
    gitlab.start(second, "a runner that many servers share")
    shown = opened(config).read(now=1_800_000_000, deadline=5)
    assert {job.server for job in shown.jobs} == {KEYS[0], ""}
    assert not shown.names_servers


@pytest.mark.parametrize("version", [13, 14])
def test_forgejo_before_15_says_what_to_do(version: int) -> None:
    with (
        running(FakeForgejo(version=version)) as fake,
        pytest.raises(RefusedError, match="Only 15 and newer register runners"),
    ):
        FORGEJO.register(fake, KEYS[0])


@pytest.mark.parametrize("given", [{"uuid": '"'}, {"token": ""}, {"uuid": None}])
def test_what_an_agent_could_not_use_is_no_registration(given: dict[str, Any]) -> None:
    with running(FakeForgejo()) as fake:
        answer = {"id": 1, "uuid": "a-b", "token": "c", **given}
        fake.answer(Response(201, json.dumps(answer)), role="register")
        with pytest.raises(UnknownOutcomeError, match="without a token"):
            FORGEJO.open(fake).register(KEYS[0], labels={}, deadline=5)
