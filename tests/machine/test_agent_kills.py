"""ServerFleet can be killed at any call: one agent is started, and no build is cut."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest

from servers.lifecycle.conditions import Met, NotYet
from servers.machine.agents.drain import drain_agent
from servers.machine.agents.plan import DRAINING_NAME
from servers.machine.agents.start import start_agent
from servers.machine.agents.table import AGENTS
from servers.machine.docker.client import Docker
from servers.machine.docker.connection import Endpoint
from tests.support.standins import BUILDS, WAITS, Host, plan_for

pytestmark = pytest.mark.pure


class Killed(BaseException):
    """ServerFleet ends here."""


class Dying(Docker):
    """A connection whose process is killed at one of its calls, before it is sent."""

    def __init__(self, endpoint: Endpoint, *, before: int) -> None:
        super().__init__(endpoint, timeout=5)
        self.before = before

    def _exchange(self, *given: Any) -> Any:
        if not self.before:
            raise Killed
        self.before -= 1
        return super()._exchange(*given)


def die_at_each_call(
    host: Host, look: Callable[[Docker], Met | NotYet]
) -> Iterator[bool]:
    """Yield after each possible kill; True once a look came through without one."""
    for number in range(100):
        with suppress(Killed), Dying(host.endpoint, before=number) as docker:
            look(docker)
            yield True
            return
        yield False


def test_a_kill_at_any_moment_of_the_start_leaves_exactly_one_agent(
    host: Host,
) -> None:
    plan = plan_for("own")
    killed = 0
    for through in die_at_each_call(host, lambda docker: start_agent(docker, plan)):
        killed += not through
        left = host.list_agents()
        host.start_quickly(plan)
        (agent,) = host.list_agents()
        assert left in ([], [agent])  # what was created before the kill is used
        assert host.read_log() == ["build runs"]
        host.clear()
    assert killed == 5  # list, inspect, image, create, start


@pytest.mark.parametrize("kind", ["drone", "woodpecker"])
def test_a_kill_at_any_moment_of_the_drain_costs_no_build(
    host: Host, kind: str
) -> None:
    plan = plan_for(kind)
    killed = 0

    def begin() -> None:
        host.start_quickly(plan)
        if AGENTS[kind].drain.cancels:
            host.release()  # until then, no look changes anything

    begin()
    for through in die_at_each_call(host, lambda docker: drain_agent(docker, plan)):
        killed += not through
        for _ in range(2):
            host.drain(plan)
        if kind == "drone":
            assert host.drain(plan) == WAITS
            host.release()
        host.drain_all(plan)
        assert host.read_log() == ["build runs", "build done"]
        host.clear()
        if not through:
            begin()
    assert killed > 5


def test_who_can_not_know_whether_it_told_an_agent_waits_until_no_build_runs(
    host: Host,
) -> None:
    plan = plan_for("drone")
    host.start_quickly(plan)
    other = host.daemon.run("sleep", "600", name="other")
    name, labels, title = BUILDS["drone"]
    host.daemon.run("sleep", "600", name=name, labels=labels)
    with suppress(Killed), Dying(host.endpoint, before=3) as docker:
        drain_agent(docker, plan)  # cordoned, not told
    with Docker(host.endpoint, timeout=60) as docker:
        for number in range(260):  # more than a daemon remembers
            docker.call("POST", f"/containers/{other}/rename?name=other{number}")
    for _ in range(3):
        assert host.drain(plan) == NotYet(
            "Waiting for 1 build to finish.", builds=(title,)
        )
    assert host.daemon.docker("ps", "-q", "-f", f"name={DRAINING_NAME}") == ""
    host.release()
    host.daemon.docker("rm", "-f", name)
    host.drain_all(plan)
    assert host.read_log() == ["build runs", "build done"]
