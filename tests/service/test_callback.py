"""An instance that nobody reaches boots, runs, drains and goes by its own calls."""

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from servers.clouds.sandbox.world import World, world_path
from servers.drill.service import Service, wait_for
from servers.machine.agents.plan import DRAINING_NAME
from servers.machine.callback.script import CA
from tests.support.callbacks import CallingInstance
from tests.support.dockerd import make_keys, require_dockerd, run_dockerd
from tests.support.machines import read_files
from tests.support.proxies import PROXIES, get_proxy
from tests.support.standins import add_images, name_image

pytestmark = [
    pytest.mark.pure,
    pytest.mark.skipif(not shutil.which("curl"), reason="there is no curl"),
]

NAME = "agent-7h2k9qxm"


def open_world(service: Service) -> World:
    """Return the simulated cloud, which keeps user data from now on."""
    folder = service.data / "sandbox"
    wait_for(lambda: list(folder.glob("*.sqlite3")), 30)
    (path,) = folder.glob("*.sqlite3")
    world = World(world_path(folder, path.stem))
    world.ask_for_user_data()
    return world


def read(service: Service, what: str) -> Any:
    status, found = service.call("GET", f"/api/servers/{NAME}/{what}")
    assert status == 200, found
    return found


def test_an_instance_that_nobody_reaches_lives_by_its_own_calls(tmp_path: Path) -> None:
    require_dockerd()
    service = Service(SERVERFLEET_DRAIN_RECHECK="1")
    service.env["SERVERFLEET_PUBLIC_URL"] = f"http://127.0.0.1:{service.port}"
    _, keys = make_keys()
    with service, run_dockerd(keys) as daemon:
        add_images(daemon, ("own",))
        changes = {
            "cloud_init": "docker",
            "readiness": "callback",
            "agent": "own",
            "agent_image": name_image("own"),
            "agent_environment": {"AGENT_TOKEN": "needle"},
            "build_labels": {"ci": "build"},
        }
        assert service.call("PATCH", "/api/templates/default", changes)[0] == 200
        world = open_world(service)
        assert service.call("POST", "/api/servers", {"name": NAME})[0] == 200
        service.wait_state("staging", NAME)
        wait_for(lambda: "not called" in str(read(service, "why")), 10)

        (created,) = world.instances()
        files = read_files(world.read_user_data(created.id))
        folder = tmp_path / "instance"
        with CallingInstance(folder, files=files) as instance:
            where = {"DOCKER_HOST": f"unix://{daemon.socket}"}
            for name in ("docker", "sort"):
                instance.add_program(name)
            instance.start(**where)
            wait_for(lambda: read(service, "log")["phase"] == "booting", 20)
            # The image has Docker, and this machine has no systemd.
            instance.add_script("bin/systemctl", ":")
            instance.add_script("opt/pull", 'docker image inspect "$@"')
            path = f"{folder / 'bin'}:{os.environ['PATH']}"
            boot = [str(folder / "opt/boot")]
            subprocess.run(boot, check=True, timeout=60, env={"PATH": path, **where})
            service.wait_state("running", NAME)
            told = read(service, "log")
            assert told["phase"] == "ready"
            ended = [each["name"] for each in told["steps"][-2:]]
            assert ended == ["Create the agent", "Start the agent"]
            assert {each["ok"] for each in told["steps"]} == {True}
            assert "== Start Docker\n" in told["log"]
            assert "needle" not in told["log"]

            # It reboots, and its first heartbeat is answered with the drain.
            daemon.run("sleep", "600", name="job-7", labels={"ci": "build"})
            instance.stop()
            assert service.call("DELETE", f"/api/servers/{NAME}")[0] in {200, 202, 204}
            instance.start(**where)
            wait_for(lambda: "job-7" in str(read(service, "why")), 20)
            names = ("ps", "--format", "{{.Names}}")
            wait_for(lambda: DRAINING_NAME in daemon.docker(*names), 20)
            log = ("logs", DRAINING_NAME)
            assert "cancelled" not in daemon.docker(*log)
            assert service.states()[NAME] == "shutdown"
            daemon.docker("kill", "job-7")
            daemon.docker("kill", "-s", "USR1", DRAINING_NAME)
            service.wait_state("stopped", NAME)
            assert "build done" in daemon.docker(*log)
        events = [each["kind"] for each in read(service, "events")]
        assert "drained" in events
        assert instance.leaks == set()
        assert instance.token not in service.log()
        assert instance.read_secret() not in service.log()


@pytest.mark.parametrize("name", PROXIES)
def test_an_instance_calls_back_over_tls_through_a_proxy_that_ships(
    name: str, tmp_path: Path
) -> None:
    """As docs/deploy.md says, with an authority that only the instance trusts."""
    proxy = get_proxy(name)
    service = Service(SERVERFLEET_HTTPS="1")
    with proxy.run_with_tls(service.port) as (url, authority):
        (ca := tmp_path / "ca.pem").write_text(authority)
        service.url, service.ca = url, str(ca)
        service.env |= {
            "SERVERFLEET_ALLOWED_HOSTS": str(urlsplit(url).hostname),
            "SERVERFLEET_TRUSTED_ORIGINS": url,
            "SERVERFLEET_PUBLIC_URL": url,
            "SERVERFLEET_PUBLIC_CA": str(ca),
        }
        with service:
            changes = {"cloud_init": "docker", "readiness": "callback"}
            assert service.call("PATCH", "/api/templates/default", changes)[0] == 200
            world = open_world(service)
            assert service.call("POST", "/api/servers", {"name": NAME})[0] == 200
            service.wait_state("staging", NAME)
            (created,) = world.instances()
            files = read_files(world.read_user_data(created.id))
            distrusting = {path: text for path, text in files.items() if path != CA}
            with CallingInstance(tmp_path / "distrusting", files=distrusting) as other:
                other.start()
                wait_for(lambda: "did not take" in other.said.read_text(), 20)
                assert "no answer" in other.said.read_text()
                assert "not called" in str(read(service, "why"))
            with CallingInstance(tmp_path / "instance", files=files) as instance:
                # Docker is part of other tests.
                instance.add_script("bin/docker", ":")
                instance.finish_step("Start Docker")
                instance.start()
                wait_for(lambda: read(service, "log")["phase"] == "booting", 20)
                instance.finish_boot()
                service.wait_state("running", NAME)
                assert service.call("POST", f"/api/servers/{NAME}/cordon")[0] == 200
                cordoned = instance.folder / "run/serverfleet/cordoned"
                wait_for(cordoned.exists, 40)
                assert service.call("DELETE", f"/api/servers/{NAME}")[0] == 200
                service.wait_state("stopped", NAME)
            assert instance.said.read_text() == ""
            assert instance.leaks == set()
