"""The script that starts the runners of Gitea and Forgejo, run by a shell."""

import json
import subprocess
from pathlib import Path

import pytest

from servers.machine.agents.table import AGENTS

pytestmark = pytest.mark.pure

# A program that shows how it was started, with which settings and variables.
SHOW = """\
#!/bin/sh
echo "$(basename "$0") $*"
[ "$1" != daemon ] && [ -n "$1" ] || { cat "$CONFIG_FILE"; echo; env; }
"""
SETTINGS = {"runner": {"capacity": 2, "shutdown_timeout": "3h"}}
REGISTERED = {
    "FORGEJO_RUNNER_UUID": "33834eef-e758",
    "FORGEJO_RUNNER_TOKEN": "hush",
    "GITEA_RUNNER_LABELS": "docker:docker://node:22, gpu",
}


def start(
    tmp_path: Path, program: str, given: dict[str, str]
) -> subprocess.CompletedProcess[str]:
    """Run the script as the container does, with ``program`` as the runner."""
    path = tmp_path / program
    path.write_text(SHOW)
    path.chmod(0o755)
    *_, script = AGENTS["gitea"].entrypoint
    script = script.replace("/data", str(tmp_path / "data"))
    script = script.replace("/sbin/tini --", "")
    usual = {
        "PATH": f"{tmp_path}:/usr/bin:/bin",
        "SERVERFLEET_CAPACITY": "2",
        "GITEA_INSTANCE_URL": "https://forge",
        "GITEA_RUNNER_NAME": "agent-1",
    }
    return subprocess.run(
        ["/bin/sh", "-c", script],
        env=usual | given,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def test_a_runner_that_is_registered_at_forgejo_connects_by_its_own_token(
    tmp_path: Path,
) -> None:
    done = start(tmp_path, "forgejo-runner", REGISTERED)
    said, settings, *variables = done.stdout.splitlines()
    assert said == f"forgejo-runner daemon --config {tmp_path}/data/serverfleet.yaml"
    connection = {
        "url": "https://forge",
        "uuid": "33834eef-e758",
        "token": "hush",
        "labels": ["docker:docker://node:22", "gpu"],
    }
    assert json.loads(settings) == SETTINGS | {
        "server": {"connections": {"serverfleet": connection}}
    }
    # Neither its builds nor people see it among the variables.
    assert "hush" not in "".join(variables)
    assert (tmp_path / "data" / "serverfleet.yaml").stat().st_mode & 0o77 == 0


def test_a_runner_with_a_shared_token_registers_itself(tmp_path: Path) -> None:
    given = {"GITEA_RUNNER_REGISTRATION_TOKEN": "hush"}
    done = start(tmp_path, "forgejo-runner", given)
    registers, starts, settings, *variables = done.stdout.splitlines()
    assert registers.startswith("forgejo-runner register --no-interactive")
    assert "--token hush --name agent-1 --labels docker" in registers
    assert starts.startswith("forgejo-runner daemon")
    assert json.loads(settings) == SETTINGS
    assert "hush" not in "".join(variables)


def test_giteas_image_registers_itself(tmp_path: Path) -> None:
    given = {"GITEA_RUNNER_REGISTRATION_TOKEN": "hush"}
    said, settings, *variables = start(tmp_path, "run.sh", given).stdout.splitlines()
    assert said == "run.sh "
    assert json.loads(settings) == SETTINGS
    assert "GITEA_RUNNER_REGISTRATION_TOKEN=hush" in variables


def test_giteas_image_says_that_forgejo_needs_its_own(tmp_path: Path) -> None:
    done = start(tmp_path, "run.sh", REGISTERED)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "Name the image of Forgejo's runner in the template.\n"
