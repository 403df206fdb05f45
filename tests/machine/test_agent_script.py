"""The script for instances that nobody reaches does what the Docker API is told to."""

import json
import os
import shutil
import subprocess
import threading
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from servers.lifecycle.conditions import Met
from servers.machine.agents.plan import NAME, AgentPlan
from servers.machine.agents.script import (
    render_agent_environment,
    render_agent_script,
)
from servers.machine.agents.start import RUNS
from servers.machine.agents.table import AGENTS
from tests.support.standins import BUILDS, REFUSED, Host, plan_for, wait_for

pytestmark = pytest.mark.pure

KINDS = tuple(sorted(set(AGENTS) - {"none"}))
DRAINED, WAITS = 0, 10
ENDED, OVER = 4, 124


class Script:
    """The script and its variables, as the user data puts them on an instance."""

    def __init__(self, folder: Path, host: Host, plan: AgentPlan) -> None:
        self.host = host
        variables = folder / "agent.env"
        variables.write_text(render_agent_environment(plan))
        self.path = folder / "agent"
        text = render_agent_script(
            plan,
            environment_path=str(variables),
            run=str(folder / "run"),
            started=str(folder / "started"),
        )
        self.path.write_text(text)
        assert "hush" not in text

    def call(
        self, word: str, shell: tuple[str, ...] = ("sh",), socket: str = ""
    ) -> tuple[int, str]:
        socket = socket or str(self.host.daemon.socket)
        done = subprocess.run(
            [*shell, str(self.path), *word.split()],
            capture_output=True,
            text=True,
            timeout=30,
            env={**os.environ, "DOCKER_HOST": f"unix://{socket}"},
        )
        # Docker warns of what this machine lacks. All else would be our fault.
        lines = done.stderr.splitlines()
        assert [each for each in lines if not each.startswith("WARNING: ")] == []
        return done.returncode, done.stdout


def describe(host: Host) -> dict[str, Any]:
    with host.connect() as docker:
        known = docker.inspect(NAME)
    config = known["Config"]
    words = [*(config["Entrypoint"] or ()), *(config["Cmd"] or ())]
    return {
        "words": words,
        "environment": sorted(config["Env"]),
        "labels": config["Labels"],
        "user": config["User"],
        "image": config["Image"],
        # Docker's own command line sends them in any order.
        "binds": sorted(known["HostConfig"]["Binds"]),
        "restart": known["HostConfig"]["RestartPolicy"],
    }


@pytest.mark.parametrize("kind", KINDS)
def test_the_script_starts_and_drains_an_agent_as_the_api_does(
    host: Host, kind: str, tmp_path: Path
) -> None:
    value = "hush \"quoted\" $(x) 'y' #z \\"
    plan = plan_for(kind, environment=f'{{"TOKEN": {json.dumps(value)}}}')
    host.start_quickly(plan)
    by_api = describe(host)
    host.clear()

    script = Script(tmp_path, host, plan)
    assert script.call("look") == (1, "")
    for shell in (("dash",), ("busybox", "sh"), ("bash", "--posix")):
        if shutil.which(shell[0]):
            assert script.call("start", shell) == (0, "")
    host.wait_for_log("build runs")
    assert describe(host) == by_api
    assert len(host.list_agents()) == 1
    assert host.start(plan) == RUNS
    assert script.call("look") == (0, "")
    said = ""
    if kind in BUILDS:
        name, labels, title = BUILDS[kind]
        host.daemon.run("sleep", "600", name=name, labels=labels)
        said = f"{title}\n"
    for shell in (("sh",), ("busybox", "sh")):
        assert script.call("drain", shell) == (WAITS, said)
    # The end of a cordon: what was told finishes first, all else simply goes on.
    told = not AGENTS[kind].drain.cancels
    assert script.call("resume") == (WAITS if told else 0, "")
    assert script.call("builds") == (0, said)
    host.release()
    if said:
        host.daemon.docker("rm", "-f", BUILDS[kind][0])

    def look() -> Met | None:
        code, said = script.call("drain")
        assert (code, said) in ((DRAINED, ""), (WAITS, ""))
        return Met("") if code == DRAINED else None

    wait_for(look)
    assert host.read_log() == ["build runs", "build done"]
    assert script.call("resume") == (0, "")
    # What was only there for one build is not started a second time.
    assert script.call("look") == (3 if AGENTS[kind].one_build else 0, "")
    if not AGENTS[kind].one_build:
        assert describe(host) == by_api
    assert len(host.list_agents()) == 1


@pytest.mark.parametrize("kind", ["drone", "github"])
def test_a_prepared_agent_starts_when_it_may(
    host: Host, kind: str, tmp_path: Path
) -> None:
    script = Script(tmp_path, host, plan_for(kind))
    cordoned = tmp_path / "run/cordoned"
    cordoned.parent.mkdir()
    for word in ("prepare", "prepare", "start"):
        cordoned.touch()
        assert script.call(word) == (0, "")
        assert script.call("look") == (1, "")
    cordoned.unlink()
    assert script.call("prepare") == (0, "")
    assert script.call("look") == (1, "")
    assert script.call("resume") == (0, "")
    host.wait_for_log("build runs")
    assert script.call("start") == (0, "")
    assert len(host.list_agents()) == 1
    is_awaited = AGENTS[kind].one_build
    assert script.call("await 1") == (OVER if is_awaited else WAITS, "")
    if AGENTS[kind].one_build:
        threading.Timer(0.2, host.release).start()
        assert script.call("await 20") == (ENDED, "")
        # It has had its build.
        assert script.call("start") == (0, "")
        assert script.call("look") == (3, "")
        assert script.call("await 20") == (WAITS, "")
        host.clear()
        environment = json.dumps({"ACTIONS_RUNNER_INPUT_JITCONFIG": REFUSED})
        script = Script(tmp_path, host, plan_for(kind, environment=environment))
        assert script.call("start") == (0, "")
        wait_for(lambda: Met("") if script.call("look")[0] else None)
        assert script.call("look") == (1, "")


def test_the_script_tells_woodpecker_nothing_while_a_network_stands_for_a_build(
    host: Host, tmp_path: Path
) -> None:
    plan = plan_for("woodpecker")
    script = Script(tmp_path, host, plan)
    script.call("start")
    host.wait_for_log("build runs")
    patient = Script(tmp_path, host, replace(plan, deaf=timedelta(seconds=60)))
    assert patient.call("drain") == (WAITS, "")
    assert host.daemon.docker("inspect", NAME)  # it may not hear a signal yet
    script = Script(tmp_path, host, plan)
    host.daemon.docker("network", "create", "--config-only", "wp_01_0")
    host.daemon.docker("pause", NAME)  # it was killed between pause and unpause
    assert script.call("drain") == (WAITS, "")
    host.release()
    host.daemon.docker("network", "rm", "wp_01_0")
    wait_for(lambda: Met("") if script.call("drain")[0] == DRAINED else None)
    assert host.read_log() == ["build runs", "build done"]


def test_the_script_tells_a_plain_hosts_builds(host: Host, tmp_path: Path) -> None:
    plan = plan_for("none", image="", build_labels={"team": "web", "x": ""})
    script = Script(tmp_path, host, plan)
    assert script.call("start") == script.call("look") == (0, "")
    host.daemon.run("sleep", "600", name="other", labels={"team": "web"})
    assert script.call("drain") == (DRAINED, "")
    host.daemon.run("sleep", "600", name="mine", labels={"team": "web", "x": "1"})
    assert script.call("drain") == (WAITS, "mine\n")
    # Who does not answer may run builds.
    assert script.call("drain", socket="/nothing/here") == (WAITS, "")


def test_a_daemon_that_goes_away_during_a_look_is_not_drained(tmp_path: Path) -> None:
    plan = plan_for("none", image="", build_labels={"team": "web"})
    path = tmp_path / "agent"
    path.write_text(render_agent_script(plan, environment_path="/none"))
    client = tmp_path / "docker"
    client.write_text(
        "#!/bin/sh\n"
        f'[ "$1" = version ] && [ ! -e {tmp_path}/gone ] && exit 0\n'
        f": >{tmp_path}/gone\n"
        "exit 1\n"
    )
    client.chmod(0o755)
    environment = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    done = subprocess.run(
        ["sh", str(path), "drain"], env=environment, timeout=30, check=False
    )
    assert done.returncode == WAITS
