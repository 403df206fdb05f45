"""A cordoned server's agent takes no builds, and takes them again after that."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

import pytest

from servers.lifecycle.conditions import Met, NotYet
from servers.machine.agents.cordon import (
    CHANGED,
    ENDED,
    FINISHING,
    LEFT,
    STARTED,
    TOLD,
    cordon_agent,
    explain_cordon,
    explain_drain,
    explain_order,
    resume_agent,
)
from servers.machine.agents.daemon import pause, set_restart_policy
from servers.machine.agents.drain import BUSY
from servers.machine.agents.plan import DRAINING_NAME, NAME, AgentPlan
from servers.machine.agents.table import AGENTS
from servers.machine.docker.client import Docker
from tests.machine.test_agent_kills import Dying, Killed, die_at_each_call
from tests.support.standins import BUILDS, Host, plan_for, wait_for

pytestmark = pytest.mark.pure

FOLLOW = ("buildkite", "drone", "gitea", "gitlab", "own")
CANCEL = ("github", "woodpecker")
RUN, DONE = "build runs", "build done"


def describe(host: Host) -> str:
    """Return state, exit code and restart policy of the only agent."""
    (agent,) = host.list_agents()
    words = "{{.State.Status}} {{.State.ExitCode}} {{.HostConfig.RestartPolicy.Name}}"
    return host.daemon.docker("inspect", "-f", words, agent)


def end_build(host: Host, *log: str) -> None:
    """Let the agent's build finish, and wait until its log says so."""
    (agent,) = host.list_agents()
    with host.connect() as docker:
        docker.kill(agent, "SIGUSR1")
    host.wait_for_log(*log)


def wait_until(look: Callable[[], Met | NotYet], expected: Met) -> None:
    wait_for(lambda: expected if look() == expected else None)


def test_what_a_cordon_stops_is_told_for_each_agent() -> None:
    told = {key: explain_order(key) for key in AGENTS}
    assert tuple(key for key in told if told[key] == BUSY) == ("woodpecker", "github")
    assert "only the CI's own API can cordon it at once" in BUSY
    told = {key: explain_drain(key) for key in AGENTS}
    cuts = [key for key, said in told.items() if said.startswith("Its CI can send")]
    assert cuts == ["woodpecker", "github"]
    assert told["none"] == "Until then, builds can still be started on it from outside."
    assert told["drone"] == told["own"] == "Its agent takes no new builds."
    assert "whoever has its certificates can still" in explain_cordon("none")
    assert explain_cordon("drone") == TOLD.reason


@pytest.mark.parametrize("kind", FOLLOW)
def test_a_cordoned_agent_finishes_its_build_and_is_started_again_after_it(
    host: Host, kind: str
) -> None:
    plan = plan_for(kind)
    host.start_quickly(plan)
    (agent,) = host.list_agents()
    for _ in range(3):  # a second signal would cancel the build of most
        assert host.cordon(plan) == TOLD
    assert host.daemon.docker("ps", "--format", "{{.Names}}") == DRAINING_NAME
    for _ in range(2):
        assert host.resume(plan) == FINISHING
        assert host.cordon(plan) == TOLD
    assert describe(host) == "running 0 no"
    end_build(host, RUN, DONE)
    wait_until(lambda: host.cordon(plan), ENDED)
    assert describe(host) == "exited 0 no"
    assert isinstance(host.drain(plan), Met)

    for _ in range(2):
        assert host.resume(plan) == STARTED
    host.wait_for_log(RUN, RUN)
    assert host.list_agents() == [agent]  # with its files
    assert host.daemon.docker("ps", "--format", "{{.Names}}") == NAME
    assert describe(host) == "running 0 unless-stopped"
    assert isinstance(host.look(plan), Met)
    # The signal of the first cordon does not count for the second one.
    assert host.cordon(plan) == host.cordon(plan) == TOLD
    end_build(host, RUN, DONE, RUN, DONE)
    wait_until(lambda: host.cordon(plan), ENDED)
    assert host.read_log() == [RUN, DONE, RUN, DONE]
    # In the first seconds after its start it would miss the signal.
    assert host.resume(plan) == STARTED
    soon = Met(
        "Its agent has only just started. ServerFleet tells it in a moment.",
        False,
        True,
    )
    assert host.cordon(replace(plan, deaf=timedelta(seconds=60))) == soon
    assert isinstance(host.drain(replace(plan, deaf=timedelta(seconds=60))), NotYet)
    assert describe(host) == "running 0 no"
    host.wait_for_log(RUN, RUN, RUN)
    assert host.resume(plan) == STARTED
    assert describe(host) == "running 0 unless-stopped"
    assert host.cordon(plan) == TOLD
    end_build(host, *(RUN, DONE) * 3)
    host.drain_all(plan)


@pytest.mark.parametrize("kind", CANCEL)
def test_an_agent_whose_signal_cancels_is_told_once_it_has_no_build(
    host: Host, kind: str
) -> None:
    plan = plan_for(kind)
    assert host.cordon(plan) == ENDED
    assert host.list_agents() == []  # a server that is cordoned first starts without
    assert host.resume(plan) == STARTED
    host.wait_for_log(RUN)
    before = describe(host)
    name, labels, _ = BUILDS["woodpecker"]
    host.daemon.run("sleep", "600", name=name, labels=labels)
    for _ in range(2):
        assert host.cordon(plan) == Met(BUSY, agent_behind=True)
        assert describe(host) == "running 0 no"
        assert host.resume(plan) == STARTED
        assert describe(host) == before
    assert host.read_log() == [RUN]
    host.release()
    host.daemon.docker("rm", "-f", name)
    wait_for(lambda: ENDED if host.cordon(plan) == ENDED else None)
    assert host.read_log() == [RUN, DONE]
    if kind == "woodpecker":
        assert host.resume(plan) == STARTED
        host.wait_for_log(RUN, RUN)
        assert describe(host) == before
    else:  # it has ended by itself after its build, and is for one
        assert host.resume(plan) == LEFT


@pytest.mark.parametrize("again", [False, True], ids=["first", "second"])
def test_a_kill_at_any_moment_of_a_cordon_costs_no_build_and_can_be_undone(
    host: Host, *, again: bool
) -> None:
    plan = plan_for("drone")
    killed = 0

    def begin() -> list[str]:
        host.clear()
        host.start_quickly(plan)
        if again:  # the daemon remembers the signal of an earlier cordon
            host.cordon(plan)
            end_build(host, RUN, DONE)
            wait_until(lambda: host.resume(plan), STARTED)
            host.wait_for_log(RUN, RUN)
        return [RUN, DONE] if again else []

    before = begin()
    for through in die_at_each_call(host, lambda docker: cordon_agent(docker, plan)):
        killed += not through
        found = host.resume(plan)
        assert found in (STARTED, FINISHING)
        if found == FINISHING:
            end_build(host, *before, RUN, DONE)
            wait_until(lambda: host.resume(plan), STARTED)
            before = [*before, RUN, DONE]
            host.wait_for_log(*before, RUN)
        assert describe(host) == "running 0 unless-stopped"
        assert host.cordon(plan) == host.cordon(plan) == TOLD
        end_build(host, *before, RUN, DONE)
        wait_until(lambda: host.cordon(plan), ENDED)
        assert host.read_log() == [*before, RUN, DONE]
        assert describe(host) == "exited 0 no"
        if not through:
            before = begin()
    assert killed == 5  # list, inspect, update, kill, rename


@pytest.mark.parametrize("then", [cordon_agent, resume_agent])
def test_a_kill_at_any_moment_of_a_resumption_leaves_exactly_one_agent(
    host: Host, then: Callable[[Docker, AgentPlan], Met]
) -> None:
    plan = plan_for("gitlab")
    killed = 0

    def begin() -> list[str]:
        host.clear()
        host.start_quickly(plan)
        host.cordon(plan)
        end_build(host, RUN, DONE)
        wait_until(lambda: host.cordon(plan), ENDED)
        return host.list_agents()

    agents = begin()
    for through in die_at_each_call(host, lambda docker: resume_agent(docker, plan)):
        killed += not through
        if through:
            host.wait_for_log(RUN, RUN)
        with host.connect() as docker:
            found = then(docker, plan)
        assert host.list_agents() == agents
        if then is resume_agent:
            assert found == STARTED
            assert describe(host) == "running 0 unless-stopped"
        else:
            assert found == (TOLD if through else ENDED)
            assert describe(host).endswith(" no")
        if found != ENDED:
            host.wait_for_log(RUN, RUN)
            end_build(host, RUN, DONE, RUN, DONE)
        host.drain_all(plan)
        if not through:
            agents = begin()
    assert killed == 6  # list, inspect, inspect, update, rename, start


def test_an_agent_that_is_gone_or_of_another_capacity_is_created_anew(
    host: Host,
) -> None:
    plan = plan_for("own")
    assert host.cordon(plan) == ENDED
    assert host.resume(plan) == STARTED
    host.wait_for_log(RUN)
    host.cordon(plan)
    end_build(host, RUN, DONE)
    wait_until(lambda: host.cordon(plan), ENDED)
    (old,) = host.list_agents()
    wider = plan_for("own", capacity=9)
    assert host.resume(wider) == STARTED
    (new,) = host.list_agents()
    assert new != old
    missing = plan_for("own", image="not:there")
    host.clear()
    assert isinstance(found := host.resume(missing), NotYet)
    assert found.because.startswith("Waiting for the agent's image not:there.")


def test_an_agent_that_ends_at_that_moment_is_looked_at_again(host: Host) -> None:
    plan = plan_for("drone")
    host.start_quickly(plan)
    with suppress(Killed), Dying(host.endpoint, before=3) as docker:
        cordon_agent(docker, plan)  # cordoned, not told
    (agent,) = host.list_agents()

    class Ending(Docker):
        """Has the agent end right before its signal."""

        def kill(self, name: str, signal: str) -> None:
            host.daemon.docker("kill", name)
            super().kill(name, signal)

    with Ending(host.endpoint, timeout=5) as ending:
        assert cordon_agent(ending, plan) == CHANGED
    assert host.cordon(plan) == ENDED
    assert host.resume(plan) == STARTED
    assert host.list_agents() == [agent]
    host.wait_for_log(RUN, RUN)
    host.release()
    host.drain_all(plan)


def test_the_end_of_a_cordon_repairs_what_a_killed_worker_left(host: Host) -> None:
    plan = plan_for("drone")
    host.start_quickly(plan)
    with host.connect() as docker:
        set_restart_policy(docker, NAME, "no")
        pause(docker, NAME)
    assert host.resume(plan) == STARTED
    assert describe(host) == "running 0 unless-stopped"
    host.release()
    host.drain_all(plan)
