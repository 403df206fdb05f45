"""What the table of agents says, and what a template can say of its agent."""

import json
import signal
from pathlib import Path
from typing import Any

import pytest

from servers.machine.agents.builds import find_builds
from servers.machine.agents.checks import (
    MAX_ENVIRONMENT,
    MAX_VARIABLES,
    check_agent,
    check_watch,
    read_environment,
)
from servers.machine.agents.plan import (
    CONFIG_LABEL,
    SERVER_LABEL,
    choose_image,
    describe_container,
    plan_agent,
)
from servers.machine.agents.table import AGENTS
from servers.machine.docker.client import Container
from servers.models.template import Recipe

pytestmark = pytest.mark.pure

UID = "0" * 31 + "1"
IN_USE = sorted(set(AGENTS) - {"none"})
# What each agent does with the signals that it gets: POOLS has the sources.
FACTS = {
    "drone": ("SIGTERM", False),
    "woodpecker": ("SIGTERM", True),
    "gitea": ("SIGTERM", False),
    "github": ("SIGTERM", True),
    "gitlab": ("SIGQUIT", False),
    "buildkite": ("SIGTERM", False),
    "own": ("SIGTERM", False),
}


def fill(key: str) -> dict[str, str]:
    return {each.name: "x" for each in AGENTS[key].variables if each.required}


def describe(key: str, **given: Any) -> dict[str, Any]:
    values: dict[str, Any] = {"uid": UID, "name": "agent-1", "capacity": 3}
    values |= {"image": "x:1"} | given
    return describe_container(plan_agent(key, **values))


def test_every_agent_says_how_it_is_drained_and_how_its_builds_are_seen() -> None:
    found = {
        key: (AGENTS[key].drain.signal, AGENTS[key].drain.cancels) for key in IN_USE
    }
    assert found == FACTS
    longest = Recipe._meta.get_field("agent").max_length
    assert longest is not None
    for key in IN_USE:
        agent = AGENTS[key]
        assert len(key) <= longest
        assert agent.label
        assert agent.drain.signal in signal.Signals.__members__
        assert bool(agent.image) == (key != "own")
        if key != "own":
            builds = agent.builds
            assert builds.labels or builds.name or builds.label
        if agent.drain.cancels:
            # It is told while it is idle, and that has to be seen between two steps.
            assert agent.builds.network or agent.builds.process
        names = [each.name for each in agent.variables]
        assert len(names) == len(set(names))
        # What ServerFleet sets itself is not asked for.
        assert not {agent.capacity, agent.name, *agent.fixed} & set(names)
        for each in agent.variables:
            assert not (each.secret and each.default)
            assert not (each.required and each.default)


@pytest.mark.parametrize("key", IN_USE)
def test_an_agent_gets_its_variables_the_capacity_and_the_servers_name(
    key: str,
) -> None:
    agent = AGENTS[key]
    given = fill(key) | {"EXTRA": "a=b c"}
    config = describe(key, environment=json.dumps(given))
    values = dict(each.split("=", 1) for each in config["Env"])
    for name, value in given.items():
        assert values[name] == value
    assert values.items() >= agent.fixed.items()
    for each in agent.variables:
        if each.default:
            assert values[each.name] == each.default
    if agent.capacity:
        assert values[agent.capacity] == "3"
    if agent.name:
        assert values[agent.name].startswith("agent-1")
    # Secrets stand in the environment only: /proc shows everybody the command.
    words = [*config.get("Entrypoint", ()), *config.get("Cmd", ())]
    assert not any(word == "x" for word in words)
    assert "/var/run/docker.sock:/var/run/docker.sock" in config["HostConfig"]["Binds"]
    policy = config["HostConfig"]["RestartPolicy"]["Name"]
    assert policy == ("no" if agent.one_build else "unless-stopped")


def test_the_digest_of_a_configuration_changes_with_it_alone() -> None:
    def digest(**given: Any) -> str:
        labels = describe("drone", **given)["Labels"]
        assert labels[SERVER_LABEL] == UID
        return str(labels[CONFIG_LABEL])

    one = digest(environment='{"A": "1", "B": "2"}')
    assert digest(environment='{"B": "2", "A": "1"}') == one
    assert digest(environment='{"A": "1", "B": "3"}') != one
    assert digest(environment='{"A": "1", "B": "2"}', capacity=4) != one
    assert digest(environment='{"A": "1", "B": "2"}', image="y:1") != one


def test_a_plan_shows_no_secret() -> None:
    plan = plan_agent(
        "drone",
        uid=UID,
        name="agent-1",
        capacity=1,
        environment='{"DRONE_RPC_SECRET": "hush"}',
    )
    assert "hush" not in repr(plan)
    assert plan.image == choose_image("drone", "") == AGENTS["drone"].image
    assert choose_image("none", "left:over") == ""


@pytest.mark.parametrize(
    ("key", "image", "environment", "wrong"),
    [
        ("none", "", "", {}),
        ("none", "", {}, {}),
        ("drone", "", {"DRONE_RPC_HOST": "d", "DRONE_RPC_SECRET": "s"}, {}),
        ("drone", "", {"DRONE_RPC_HOST": "d", "DRONE_RPC_SECRET": "s", "X": ""}, {}),
        ("own", "registry.example.com:5000/team/agent:1.2", "", {}),
        ("own", "agent@sha256:" + "0" * 64, "{}", {}),
        ("jenkins", "", "", {"agent": "There is no such agent. Use one of these:"}),
        ("own", "", "", {"agent_image": "Name the image of your container."}),
        ("none", "x", "", {"agent_image": "Choose an agent, or leave the image"}),
        ("own", "--privileged", "", {"agent_image": "Use the name of an image"}),
        ("own", "a b", "", {"agent_image": "Use the name of an image"}),
        ("own", "a\n", "", {"agent_image": "Use the name of an image"}),
        ("own", "a" * 256, "", {"agent_image": "Use the name of an image"}),
        ("own", "x", "[1]", {"agent_environment": "Use a JSON object with string"}),
        ("own", "x", "{", {"agent_environment": "Use a JSON object with string"}),
        ("own", "x", "[" * 9999, {"agent_environment": "Use a JSON object with"}),
        ("own", "x", {"A": 1}, {"agent_environment": "Use a JSON object with string"}),
        ("own", "x", {"A": "\0"}, {"agent_environment": "The value of A has a char"}),
        (
            "own",
            "x",
            '{"A": "\\ud800"}',
            {"agent_environment": "The value of A has a char"},
        ),
        (
            "own",
            "x",
            {"A": "a\nb"},
            {"agent_environment": "The value of A has several"},
        ),
        (
            "own",
            "x",
            {"A=B": ""},
            {"agent_environment": "'A=B' is not a valid variable name"},
        ),
        (
            "own",
            "x",
            {"": ""},
            {"agent_environment": "'' is not a valid variable name"},
        ),
        (
            "own",
            "x",
            {"1A": ""},
            {"agent_environment": "'1A' is not a valid variable name"},
        ),
        (
            "own",
            "x",
            {"A\n": ""},
            {"agent_environment": "'A\\n' is not a valid variable name"},
        ),
        (
            "drone",
            "",
            {"DRONE_RPC_HOST": " "},
            {
                "agent_environment": "Drone (drone-runner-docker) needs DRONE_RPC_HOST "
                "and DRONE_RPC_SECRET."
            },
        ),
        (
            "drone",
            "",
            {"DRONE_RUNNER_CAPACITY": "9"},
            {"agent_environment": "ServerFleet sets DRONE_RUNNER_CAPACITY to the temp"},
        ),
        (
            "drone",
            "",
            {"DRONE_RUNNER_NAME": "x"},
            {"agent_environment": "ServerFleet sets DRONE_RUNNER_NAME to the server's"},
        ),
        (
            "gitlab",
            "",
            {"RUNNER_EXECUTOR": "shell"},
            {"agent_environment": "ServerFleet sets RUNNER_EXECUTOR to 'docker'."},
        ),
        ("none", "", {"A": "b"}, {"agent_environment": "Choose an agent, or remove"}),
        (
            "own",
            "x",
            {f"A{n}": "" for n in range(MAX_VARIABLES + 1)},
            {"agent_environment": "Use at most 100 variables."},
        ),
        (
            "own",
            "x",
            {"A": "ü" * (MAX_ENVIRONMENT // 2)},
            {"agent_environment": "Use at most 32 KiB of names and values."},
        ),
    ],
)
def test_what_a_template_says_of_its_agent_is_checked(
    key: str, image: str, environment: object, wrong: dict[str, str]
) -> None:
    found = check_agent(key, image, environment)
    assert found.keys() == wrong.keys()
    for field, begin in wrong.items():
        (message,) = found[field]
        assert message.startswith(begin)


def test_giteas_runner_is_told_how_long_it_waits_for_its_builds() -> None:
    assert '"shutdown_timeout":"3h"' in AGENTS["gitea"].entrypoint[-1]
    assert AGENTS["gitea"].drain.seconds == 3 * 3600


def test_an_agent_and_build_labels_need_someone_who_asks_for_them() -> None:
    def check(agent: str, labels: dict[str, str], readiness: str) -> set[str]:
        watching = ["docker", "callback"]
        found = check_watch(agent, labels, readiness=readiness, watching=watching)
        for (message,) in found.values():
            assert "only with the readiness docker or callback. " in message
        return set(found)

    assert check("none", {}, "tcp") == set()
    assert check("own", {"a": ""}, "callback") == set()
    assert check("own", {}, "tcp") == {"agent"}
    assert check("none", {"a": ""}, "address") == {"build_labels"}


def test_a_value_that_may_be_a_secret_stands_in_no_message() -> None:
    for value in ("hush\0", "hush\ud800", "hush" * MAX_ENVIRONMENT):
        assert "hush" not in str(check_agent("own", "x", {"TOKEN": value}))
    assert "hush" not in str(check_agent("own", "x", '{"TOKEN": "hush"'))
    assert read_environment('{"TOKEN": "hush"}') == {"TOKEN": "hush"}


def test_the_docs_name_each_agent_its_image_and_what_it_needs() -> None:
    text = (Path(__file__).parents[2] / "docs" / "agents.md").read_text()
    rows = [line for line in text.splitlines() if line.startswith("| ")]
    for key in IN_USE:
        agent = AGENTS[key]
        needs = [f"`{each.name}`" for each in agent.variables if each.required]
        shown = (
            f"| {agent.label} | `{key}` | {f'`{agent.image}`' if agent.image else ''} |"
        ).replace("|  |", "| |")
        (row,) = [each for each in rows if each.startswith(shown)]
        assert row.removeprefix(shown).strip(" |") == (", ".join(needs) or "its image")
        assert agent.drain.signal in text


@pytest.mark.parametrize(
    ("key", "name", "labels", "state", "title"),
    [
        ("drone", "drone-x", {"io.drone": "true"}, "running", "drone-x"),
        ("drone", "drone-x", {"io.drone": "true"}, "exited", ""),
        ("drone", "drone-x", {"io.drone": "false"}, "running", ""),
        ("github", "pg_1", {"a1b2c3": ""}, "running", "pg_1"),
        ("github", "pg_1", {"a1b2c3d": ""}, "running", ""),
        ("buildkite", "x", {"com.buildkite.job-id": "1"}, "paused", "x"),
        ("gitea", "FORGEJO-ACTIONS-TASK-1", {}, "running", "FORGEJO-ACTIONS-TASK-1"),
        ("gitea", "x-GITEA-ACTIONS-TASK-1", {}, "running", ""),
        ("none", "x", {"team": "web", "n": "2"}, "running", "x"),
        ("none", "x", {"team": "web"}, "running", ""),
        ("none", "x", {"team": "db", "n": ""}, "running", ""),
        # The agent itself is none, whatever labels its image has.
        ("own", "x", {"team": "web", "n": "", SERVER_LABEL: UID}, "running", ""),
        # Who starts builds also chooses their labels.
        (
            "woodpecker",
            "wp",
            {"wp_uuid": "1", "wp_step": "<b>\x1b[31m\nü" + "x" * 999},
            "running",
            "<b>?[31m?" + "x" * 71,
        ),
        ("woodpecker", "wp", {"wp_uuid": "1", "wp_step": "\n"}, "running", "?"),
        ("woodpecker", "wp", {"wp_uuid": "1", "wp_step": "  "}, "running", "abc"),
    ],
)
def test_builds_are_known_by_their_containers(
    key: str, name: str, labels: dict[str, str], state: str, title: str
) -> None:
    plan = plan_agent(
        key, uid=UID, name="a", capacity=1, build_labels={"team": "web", "n": ""}
    )
    container = Container(id="abc", name=name, image="", state=state, labels=labels)
    assert find_builds(plan, [container]) == ((title,) if title else ())
