"""Every example of the docs, as it stands there, against the running service."""

import shlex
import shutil
import subprocess
from collections.abc import Iterator

import pytest

from servers.drill.service import ROOT, Service
from tests.support.drone import Drone, read_exports, read_lines

pytestmark = [
    pytest.mark.pure,
    pytest.mark.skipif(not shutil.which("curl"), reason="there is no curl"),
]

NAMED = "agent-7h2k9qxm"
# They need a machine, make one, or set what a test sets by itself.
NOT_ASKED = ("make ", ".venv/bin/", "export ")


def list_examples(document: str) -> list[str]:
    """Return the lines that ask the service for something."""
    lines = read_lines((ROOT / document).read_text())
    asked = [line for line in lines if not line.startswith(NOT_ASKED)]
    assert all(line.startswith(("curl ", "drone ")) for line in asked), asked
    return asked


@pytest.fixture
def running() -> Iterator[Service]:
    with Service() as service:
        assert service.call("POST", "/api/servers", {"name": NAMED})[0] == 200
        service.wait_state("running", NAMED)
        queue = {"name": "builds", "kind": "example"}
        assert service.call("POST", "/api/queues", queue)[0] in {200, 201}
        pool = {"name": "linux", "template": "default", "queue": "builds"}
        assert service.call("POST", "/api/pools", pool)[0] in {200, 201}
        yield service


def run_curl(service: Service, line: str) -> str:
    """Run a line in a shell, as a reader would; return the answer's status."""
    here = line.replace("127.0.0.1:8000", f"127.0.0.1:{service.port}")
    # The README's walk leaves the name to its reader.
    here = here.replace("agent-…", NAMED)
    done = subprocess.run(
        [
            "bash",
            "-c",
            f"{here} --silent --show-error -o /dev/null -w '%{{http_code}}'",
        ],
        env={**service.env, "TOKEN": service.token},
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_every_example_works(running: Service) -> None:
    (export,) = (
        line
        for line in read_lines((ROOT / "docs/api.md").read_text())
        if line.startswith("export DRONE_")
    )
    here = export.replace(":8000", f":{running.port}")
    drone = Drone.from_environment(read_exports(here, TOKEN=running.token))
    examples = list_examples("docs/api.md") + list_examples("README.md")
    for line in sorted(examples, key=ends_a_server):
        if line.startswith("drone "):
            assert drone.run(shlex.split(line)[1:]), line
        else:
            assert run_curl(running, line) in {"200", "201"}, line


def ends_a_server(line: str) -> bool:
    """Last, so that the others still find it."""
    return "destroy" in line or "-X DELETE" in line


def test_the_docs_hold_examples_of_both_kinds() -> None:
    kinds = [line.split()[0] for line in list_examples("docs/api.md")]
    assert kinds.count("curl") >= 8
    assert kinds.count("drone") >= 5
    assert len(list_examples("README.md")) >= 4
