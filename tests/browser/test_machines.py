"""What runs on a server, in a real Chromium: the form, a boot, a drain."""

import shlex
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from servers.engine import look_slots
from servers.engine.look_slots import Pace
from servers.machine.agents.plan import SERVER_LABEL
from servers.models import Account, Event, Host, Server, Template
from tests.support.browser import CROSSED, check_looks, poll_now
from tests.support.dockerd import Dockerd, find_address, require_dockerd
from tests.support.fleet import Workshop, make_fleet, provision, world_of
from tests.support.machines import run_machine
from tests.support.reporters import (
    URL,
    Reporter,
    give_token,
)
from tests.support.standins import BUILDS, add_images, name_image

pytestmark = pytest.mark.pure

Visit = Callable[..., Any]
BUILD = BUILDS["drone"][1]


def poll_until(page: Any, text: str) -> None:
    poll_now(page)
    page.get_by_text(text).first.wait_for()


def test_the_form_asks_only_for_what_the_choice_needs(
    visit: Visit, workshop: Workshop
) -> None:
    make_fleet()
    page = visit("admin")
    page.goto("/templates/default/change/")
    port, host = page.get_by_label("Port to check"), page.get_by_label("Drone server")
    assert not port.is_visible()
    assert not host.is_visible()
    # By keys alone: a select takes the first letters of its options.
    page.get_by_label("Ready when").focus()
    page.keyboard.type("a port")
    port.wait_for()
    page.get_by_label("Agent", exact=True).focus()
    page.keyboard.type("Drone")
    host.fill("drone.example.com")
    page.get_by_label("Shared secret").fill("typed")
    page.get_by_text("Files, commands, SSH keys").press("Enter")
    page.get_by_role("button", name="Add file").press("Enter")
    # Nothing typed is lost, and the typing goes on in the new row.
    assert page.get_by_label("Shared secret").input_value() == "typed"
    page.keyboard.type("/etc/motd")
    assert page.get_by_label("Path").input_value() == "/etc/motd"
    page.get_by_text("Docker settings").click()
    page.get_by_label("daemon.json").fill("[]")
    check_looks(page)
    page.get_by_role("button", name="Save template").last.click()
    page.get_by_text("This is not a JSON object.").wait_for()
    assert page.get_by_label("daemon.json").is_visible()
    check_looks(page, CROSSED[0])
    plain = visit("root", java_script_enabled=False)
    plain.goto("/templates/default/change/")
    assert plain.get_by_label("Port to check").is_visible()
    plain.get_by_label("Agent", exact=True).select_option("gitlab")
    plain.get_by_role("button", name="Show the fields of this agent").click()
    assert plain.get_by_label("Runner token").is_visible()
    assert not plain.get_by_label("Drone server").is_visible()


def test_a_drain_is_told_while_it_lasts_and_force_ends_it(
    visit: Visit, workshop: Workshop
) -> None:
    make_fleet(build=600.0)
    server = provision(name="one")
    workshop.run_to("running", server)
    Host.objects.update_or_create(
        server=server,
        defaults={
            "attempt": 1,
            "heartbeat_at": server.created_at,
            "booted_at": server.created_at,
            "boot_steps": [
                {"name": "Install Docker", "at": 1, "seconds": 12.0, "ok": True}
            ],
            "boot_log": "Get:1 " + "long " * 80 + "\ndone\n",
        },
    )
    page = visit("operator")
    page.goto("/servers/one/")
    page.get_by_role("button", name="Cordon", exact=True).press("Enter")
    page.get_by_text("one is cordoned.").wait_for()
    page.get_by_role("heading", name="one running cordoned").wait_for()
    page.get_by_text("Log", exact=True).click()
    check_looks(page)
    page.goto("/servers/")
    page.get_by_role("row").filter(has_text="cordoned").wait_for()
    check_looks(page, CROSSED[0])
    page.goto("/servers/one/")
    page.get_by_role("link", name="Terminate…").press("Enter")
    dialog = page.get_by_role("dialog", name="Terminate one?")
    dialog.get_by_text("once its running builds have finished").wait_for()
    check_looks(page, CROSSED[1])
    dialog.get_by_label("Type its name").fill("one")
    dialog.get_by_role("button", name="Terminate server").press("Enter")
    page.get_by_text("Terminating one.").wait_for()
    workshop.run_until(Host.objects.exclude(builds=[]).exists)
    poll_until(page, "Still running: simulated-build. It waits until")
    page.get_by_role("link", name="Terminate now…").click()
    dialog = page.get_by_role("dialog", name="Terminate one now?")
    dialog.get_by_text("still running and will fail: simulated-build.").wait_for()
    check_looks(page, CROSSED[0])
    dialog.get_by_role("button", name="Terminate now").click()
    page.get_by_text("one no longer waits for builds.").wait_for()
    workshop.run_to("stopped", server)
    poll_until(page, "Drain skipped")
    # A viewer sees it all, and no button.
    seen = visit("viewer")
    seen.goto("/servers/one/")
    assert seen.locator("main form").count() == 0


def watch_boot(page: Any, reporter: Reporter) -> None:
    """Follow a boot that is reported while the page of its server is open."""
    page.get_by_text("The instance has not called back yet.").wait_for()
    log = "".join(f"Get:{number} docker.io\n" for number in range(60))
    reporter.boot("booting", ("Install Docker", 21.4), "Pull alpine", log=log)
    boot = page.get_by_role("region", name="Boot log")
    boot.get_by_text("Pull alpine (now)").wait_for()
    boot.get_by_text("in progress").wait_for()
    shown = page.get_by_label("Log of the boot")
    # Who reads the log is not disturbed by what comes after it.
    shown.evaluate("log => { log.scrollTop = 40; log.focus(); }")
    steps = (("Install Docker", 21.4), ("Pull alpine", 3))
    reporter.boot("ready", *steps, log=log + "the end\n")
    boot.get_by_text("done", exact=True).wait_for()
    assert "the end" in shown.inner_text()
    assert shown.evaluate("log => [log.scrollTop, document.activeElement === log]") == [
        40,
        True,
    ]
    check_looks(page, CROSSED[0])


def copy_line(page: Any, key: str) -> str:
    """Copy a command by keys alone, and return what the clipboard holds then."""
    page.evaluate("navigator.clipboard.writeText('')")
    page.locator(f"#copy-{key}").press("Enter")
    page.wait_for_function("async () => await navigator.clipboard.readText() !== ''")
    return str(page.evaluate("navigator.clipboard.readText()"))


@contextmanager
def play_machine(server: Server) -> Iterator[Dockerd]:
    """Be the server's machine: a Docker daemon, with an agent that can be started."""
    server.refresh_from_db()
    with run_machine(server, server.address) as daemon:
        add_images(daemon, ("drone",))
        yield daemon


def release(daemon: Dockerd) -> None:
    """Let the stand-in's own build end, so that it can end, too."""
    agent = daemon.docker("ps", "-q", "--filter", f"label={SERVER_LABEL}")
    daemon.docker("kill", "-s", "USR1", agent)


def boot(workshop: Workshop, server: Server) -> None:
    """Run turns until the server has an address and keys, but no daemon yet."""
    workshop.run_to("staging", server)


def run_lines(*lines: str, folder: Path) -> str:
    """Run a page's lines as root of a machine whose list of hosts is its own."""
    (folder / "hosts").write_text(Path("/etc/hosts").read_text())
    script = " && ".join(
        [
            f"mount --bind {shlex.quote(str(folder / 'hosts'))} /etc/hosts",
            *(line.replace("sudo ", "") for line in lines),
        ]
    )
    done = subprocess.run(
        ["unshare", "-m", "sh", "-c", script],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
def test_a_new_admin_sets_up_docker_with_an_agent_connects_and_drains(
    visit: Visit,
    workshop: Workshop,
    settings: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    require_dockerd()
    seconds = {Pace.NEW: 0.3, Pace.QUICK: 0.3, Pace.SLOW: 0.5}
    monkeypatch.setattr(look_slots, "SECONDS", seconds)
    settings.DRAIN_RECHECK = 0.2
    settings.PUBLIC_URL = URL
    make_fleet()
    # The first admin may read keys.
    page = visit("root", permissions=["clipboard-read", "clipboard-write"])
    page.goto("/templates/new/")
    for label, text in (
        ("Name", "drone"),
        ("Image", "ubuntu-24.04"),
        ("Size", "small"),
        ("Agent image", name_image("drone")),
    ):
        if label == "Agent image":
            page.get_by_label("Agent", exact=True).select_option("drone")
        page.get_by_label(label, exact=True).fill(text)
    page.get_by_label("Set up").select_option("docker")
    page.get_by_label("Ready when").select_option("callback")
    page.get_by_label("Drone server").fill("drone.example.com")
    page.get_by_label("Shared secret").fill("hush")
    page.get_by_role("button", name="Save template").last.click()
    page.get_by_text("drone was saved.").wait_for()
    page.get_by_role("link", name="Preview user data").click()
    page.get_by_text("#cloud-config").wait_for()
    check_looks(page, CROSSED[0])
    page.get_by_role("link", name="drone").click()
    template = Template.objects.get(name="drone")
    world = world_of(Account.objects.get())
    world.ask_for_user_data()
    # *Try it*, while a colleague follows the boot.
    page.get_by_role("button", name="Try template").click()
    page.get_by_text("in progress").wait_for()
    trial = Server.objects.get(template=template)
    boot(workshop, trial)
    trial.refresh_from_db()
    reporter = Reporter(give_token(trial))
    colleague = visit("viewer", follows=True)
    colleague.goto(f"/servers/{trial.name}/")
    watch_boot(colleague, reporter)
    workshop.run_to("shutdown", trial)
    time.sleep(settings.DRAIN_RECHECK + 0.1)  # an earlier report would not count
    reporter.beat(agent="ended", builds=[], drained=True)
    workshop.run_to("stopped", trial)
    poll_until(page, "terminated, and confirmed gone")
    # ServerFleet reaches this network, so it can ask Docker itself.
    page.goto("/templates/drone/change/")
    page.get_by_label("Ready when").select_option("docker")
    page.get_by_role("button", name="Save template").last.click()
    page.get_by_text("drone was saved.").wait_for()
    # A server, whose page tells of its boot and says how to connect.
    world.give_addresses(find_address())
    page.goto("/servers/new/?template=drone")
    page.get_by_role("button", name="Create 1 server").click()
    page.get_by_text("Creating agent-").wait_for()
    server = Server.objects.exclude(pk=trial.pk).get()
    boot(workshop, server)
    workshop.run_until(
        Server.objects.filter(pk=server.pk, waiting__contains="installing").exists
    )
    poll_until(page, "is probably still installing Docker")
    with play_machine(server) as daemon:
        workshop.run_to("running", server)
        poll_until(page, "Drone (drone-runner-docker), started")
        check_looks(page, CROSSED[1])
        page.get_by_role("link", name="Connect", exact=True).press("Enter")
        lines = [copy_line(page, key) for key in ("docker-name", "docker")]
        for file in ("ca.pem", "cert.pem", "key.pem"):
            with page.expect_download() as loading:
                page.get_by_role("link", name=file).click()
            loading.value.save_as(tmp_path / file)
        assert "Server Version" in run_lines(*lines, folder=tmp_path)
        assert Event.objects.filter(server=server, kind="keys_read").exists()
        page.get_by_role("button", name="Cordon", exact=True).click()
        page.get_by_text(f"{server.name} is cordoned.").wait_for()
        # Terminated while a build runs, it waits, and says for what and until when.
        daemon.run("sleep", "600", name="build", labels=BUILD)
        page.get_by_role("link", name="Terminate…").click()
        dialog = page.get_by_role("dialog", name=f"Terminate {server.name}?")
        dialog.get_by_text("after 1 h at the latest").wait_for()
        dialog.get_by_text("Its agent takes no new builds.").wait_for()
        dialog.get_by_label("Type its name").fill(server.name)
        dialog.get_by_role("button", name="Terminate server").click()
        page.get_by_text(f"Terminating {server.name}.").wait_for()
        workshop.run_until(Host.objects.filter(server=server).exclude(builds=[]).exists)
        poll_until(page, "Still running: octocat/hello 7")
        page.get_by_text("It waits until").first.wait_for()
        assert Server.objects.get(pk=server.pk).state == "shutdown"
        daemon.docker("rm", "--force", "build")
        release(daemon)
        workshop.run_to("stopped", server)
    poll_until(page, "Confirmed gone")
