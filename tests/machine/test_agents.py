"""Agents are started and drained over a real daemon, without losing a build."""

import json
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from servers.lifecycle.conditions import Met, NotYet
from servers.machine.agents.drain import drain_agent
from servers.machine.agents.looks import NO_ADDRESS, NOTHING, Drained
from servers.machine.agents.plan import (
    DRAINING_NAME,
    NAME,
    SERVER_LABEL,
    describe_container,
)
from servers.machine.agents.start import (
    JUST_STARTED,
    RUNS,
    SPENT,
    look_at_agent,
    start_agent,
)
from servers.machine.agents.table import AGENTS
from servers.machine.docker.client import Docker
from servers.machine.docker.errors import DockerError
from tests.support.dockerd import make_endpoint, make_keys
from tests.support.standins import (
    BUILDS,
    REFUSED,
    WAITS,
    Host,
    name_image,
    plan_for,
    wait_for,
)

pytestmark = pytest.mark.pure

KINDS = tuple(sorted(set(AGENTS) - {"none"}))


@pytest.mark.parametrize("kind", KINDS)
def test_an_agent_is_started_once_and_drained_without_losing_its_build(
    host: Host, kind: str
) -> None:
    plan = plan_for(kind)
    assert host.start(plan) == JUST_STARTED
    host.start_quickly(plan)
    assert host.start(plan) == host.look(plan) == RUNS
    assert len(host.list_agents()) == 1
    expected = WAITS
    if kind in BUILDS:
        name, labels, title = BUILDS[kind]
        host.daemon.run("sleep", "600", name=name, labels=labels)
        expected = NotYet("Waiting for 1 build to finish.", builds=(title,))
    for _ in range(3):
        assert host.drain(plan) == expected
    host.release()
    if kind in BUILDS:
        # The agent has ended or will not before that, but a container is left.
        assert host.drain(plan) == expected
        host.daemon.docker("rm", "-f", BUILDS[kind][0])
    assert host.drain_all(plan) == Met("Its agent has ended, and no build runs.")
    assert host.read_log() == ["build runs", "build done"]
    # It does not come back, and whoever looks again finds the same.
    (agent,) = host.list_agents()
    policy = "{{.HostConfig.RestartPolicy.Name}} {{.State.Status}}"
    assert host.daemon.docker("inspect", "-f", policy, agent) == "no exited"
    assert isinstance(host.drain(plan), Met)
    for late in (host.look(plan), host.start(plan)):
        if plan.agent.one_build:
            assert late == SPENT
            continue
        assert isinstance(late, NotYet)
        assert "has ended" in late.because or "was told to finish" in late.because
    assert host.list_agents() == [agent]


def test_a_plain_host_waits_for_the_builds_that_its_template_describes(
    host: Host,
) -> None:
    host.daemon.run("sleep", "600", name="mine", labels={"team": "web", "x": "1"})
    host.daemon.run("sleep", "600", name="other", labels={"team": "db"})
    plain = plan_for("none", image="")
    assert host.start(plain) == host.look(plain) == Met("No agent is needed.")
    assert host.drain(plain) == Met("No build runs.")
    builds = plan_for("none", image="", build_labels={"team": "web", "x": ""})
    assert host.drain(builds) == NotYet(
        "Waiting for 1 build to finish.", builds=("mine",)
    )
    host.daemon.docker("kill", "mine")
    assert host.drain(builds) == Met("No build runs.")


def test_a_woodpecker_agent_is_not_told_between_two_steps_or_while_it_takes_a_build(
    host: Host,
) -> None:
    plan = plan_for("woodpecker")
    host.start_quickly(plan)
    network = ("network", "create", "--config-only", "wp_01_0")

    class Taking(Docker):
        """Has the agent take a build at the moment of the pause."""

        def call(self, method: str, path: str, body: Any = None) -> Any:
            if path.endswith("/pause"):
                host.daemon.docker(*network)
            return super().call(method, path, body)

    with Taking(host.endpoint, timeout=5) as docker:
        assert drain_agent(docker, plan) == WAITS
    # The network stands for the build while it has no container.
    assert host.drain(plan) == WAITS
    assert host.daemon.docker("ps", "--format", "{{.Names}} {{.State}}") == (
        f"{NAME} running"
    )
    host.release()
    host.daemon.docker("network", "rm", "wp_01_0")
    host.drain_all(plan)
    assert host.read_log() == ["build runs", "build done"]


def test_an_agent_of_another_server_or_of_an_older_template_is_replaced(
    host: Host,
) -> None:
    plan = plan_for("own")
    for other in (plan_for("own", uid="b" * 32), plan_for("own", capacity=9)):
        host.start_quickly(other)
        (old,) = host.list_agents()
        wait_for(lambda: host.start(plan))
        (new,) = host.list_agents()
        assert new != old
    # An image that was taken of a running instance can have anyone's containers.
    host.daemon.run("sleep", "600", name=DRAINING_NAME, labels={SERVER_LABEL: "b" * 32})
    host.clear()
    host.daemon.run("sleep", "600", name=NAME)
    wait_for(lambda: host.start(plan))
    host.release()
    host.drain_all(plan)


def test_what_keeps_an_agent_from_running_is_told(host: Host) -> None:
    missing = host.start(plan_for("own", image="not:there"))
    assert missing == NotYet(
        "Waiting for the agent's image not:there. The instance pulls it at its first "
        "boot."
    )
    assert host.list_agents() == []
    failing = 'ENTRYPOINT ["/bin/sh", "-c", "exit 3"]'
    base = host.daemon.docker("create", name_image("own"))
    host.daemon.docker("commit", "--change", failing, base, "failing:1")
    plan = plan_for("own", image="failing:1")

    def fails() -> Met | None:
        found = host.start(plan)
        assert isinstance(found, NotYet)
        return Met(found.because) if "has ended" in found.because else None

    assert f"docker logs {NAME}" in wait_for(fails).reason
    host.clear()
    gone = host.look(plan)
    assert gone == NotYet("The agent's container is gone. Someone removed it.")


def test_an_agent_for_one_build_is_spent_after_it_and_not_before(host: Host) -> None:
    plan = plan_for("github")
    with host.connect() as docker:
        docker.create(NAME, describe_container(plan))
    # It was not started yet, is paused, and is started again by somebody.
    unready = host.look(plan)
    assert isinstance(unready, NotYet)
    host.start_quickly(plan)
    for word in ("pause", "unpause"):
        host.daemon.docker(word, NAME)
        assert host.look(plan) == RUNS
    host.release()
    wait_for(lambda: None if host.look(plan) == RUNS else Met(""))
    assert host.look(plan) == host.start(plan) == SPENT
    host.clear()
    # GitHub ends it with 0 as well if it was not let in.
    environment = json.dumps({"ACTIONS_RUNNER_INPUT_JITCONFIG": REFUSED})
    refused = plan_for("github", environment=environment)
    host.start(refused)
    wait_for(lambda: None if host.look(refused) == RUNS else Met(""))
    for found in (host.look(refused), host.start(refused)):
        assert isinstance(found, NotYet)
        assert found.because.startswith("The agent has ended without a build")
    host.clear()
    # One that was told to end by a cordon, without a build, can serve again.
    host.start_quickly(plan)
    host.daemon.docker("rename", NAME, DRAINING_NAME)
    host.daemon.docker("kill", DRAINING_NAME)
    assert isinstance(host.look(plan), NotYet)


def test_a_drain_without_an_answer_says_why_and_one_without_builds_asks_nobody(
    host: Host,
) -> None:
    def connect(address: str, timeout: float) -> Docker:
        return Docker(replace(host.endpoint, address=address), timeout=timeout)

    now = datetime.now(UTC)
    plan = plan_for("own")
    drained = Drained(connect, lambda: plan, has_builds=True)
    assert drained.judge("", now) == NotYet(NO_ADDRESS)
    assert replace(drained, has_builds=False).judge("", now) == Met(NOTHING)
    look = drained.judge(host.endpoint.address, now)
    assert not isinstance(look, Met | NotYet)
    assert look(timeout=5) == Met("Its agent has ended, and no build runs.")
    nobody = drained.judge("127.0.0.1", now)  # all daemons here have another address
    assert not isinstance(nobody, Met | NotYet)
    assert isinstance(found := nobody(timeout=1), NotYet)
    assert found.because == "Nothing accepts connections on 127.0.0.1 port 2376."
    assert found.builds is None


def test_whatever_a_daemon_says_of_its_containers_ends_in_a_sentence() -> None:
    class Lying(Docker):
        """Answers each call with one of some values."""

        answers: Any = ()

        def call(self, method: str, path: str, body: Any = None) -> Any:
            return {"Id": "a" * 64} if method == "POST" else self.answers

        def call_lines(self, path: str) -> list[Any]:
            return [self.answers, 7, {"Actor": 7}, {"Actor": {"Attributes": 7}}]

        def has_image(self, name: str) -> bool:
            return True

    odd: list[Any] = [7, None, "x", [], {}, [7], {"State": 7, "Processes": 7}]
    odd.append(
        {"State": {"Status": "running", "StartedAt": 7}, "RestartCount": "7" * 9}
    )
    odd.append({"Config": {"Labels": 7}, "HostConfig": {"RestartPolicy": 7}})
    container = {"Id": "a", "Names": [7], "Image": "", "State": "running"}
    odd += [[container | {"Labels": each}] for each in (7, {"io.drone": 7}, {})]
    odd += [[container | {"Labels": {SERVER_LABEL: "a" * 32}, "State": "dead"}]]
    name, keys = make_keys()
    for answers in odd:
        for kind in ("drone", "github"):
            for act in (start_agent, look_at_agent, drain_agent):
                docker = Lying(make_endpoint("127.0.0.9", name, keys), timeout=1)
                docker.answers = answers
                with suppress(DockerError):
                    assert isinstance(act(docker, plan_for(kind)), Met | NotYet)
