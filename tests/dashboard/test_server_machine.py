"""A server's page tells what is known of its machine: health, agent, builds, boot."""

import re
import time
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from servers.models import Host, Server, TemplateVersion
from servers.records.ledger import database_now
from tests.dashboard.test_live import poll
from tests.support.fleet import Workshop, make_fleet, provision
from tests.support.people import log_in, make_person

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def viewer(workshop: Workshop) -> Client:
    return log_in(make_person("viewer"))


def run_one(workshop: Workshop, **options: Any) -> Server:
    make_fleet(**options)
    server = provision(name="one")
    workshop.run_to("running", server)
    return server


def read_page(client: Client) -> str:
    return client.get("/servers/one/").content.decode()


def set_host(server: Server, **values: Any) -> Host:
    return Host.objects.update_or_create(server=server, defaults=values)[0]


def test_health_is_told_with_its_failures_and_when_it_was_checked(
    viewer: Client, workshop: Workshop
) -> None:
    server = run_one(workshop, faults={"unhealthy": 1.0})
    Host.objects.all().delete()
    assert "<dt>Health</dt>" not in read_page(viewer)
    set_host(server)
    assert "not checked yet" in read_page(viewer)
    now = database_now()
    set_host(server, checked_at=now)
    page = read_page(viewer)
    assert "healthy</span>" in page
    assert "checked in the last 3 min" in page
    set_host(
        server,
        checked_at=now - timedelta(minutes=9),
        failures=2,
        problem="The daemon <b>refuses</b>.",
    )
    page = read_page(viewer)
    assert "2 failed checks in a row" in page
    assert "The daemon &lt;b&gt;refuses" in page
    assert 'data-ago="full">9 min ago</time>' in page
    # What was is of no interest once it has stopped.
    Server.objects.update(state="stopped")
    assert "<dt>Health</dt>" not in read_page(viewer)


def test_a_page_that_tells_of_checks_is_sent_again_each_minute(
    viewer: Client, workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_host(run_one(workshop, faults={"unhealthy": 1.0}))
    now = time.time() // 60 * 60
    clock = "servers.dashboard.shared.live.time.time"
    monkeypatch.setattr(clock, lambda: now)
    etag = viewer.get("/servers/one/")["ETag"]
    for later, status in ((50, 304), (70, 200)):
        monkeypatch.setattr(clock, lambda at=now + later: at)
        assert poll(viewer, "/servers/one/", etag).status_code == status


def test_the_agent_the_builds_and_the_certificates_are_told(
    viewer: Client, workshop: Workshop
) -> None:
    server = run_one(workshop)
    TemplateVersion.objects.update(agent="drone")
    now = database_now()
    set_host(server, keys_until=now + timedelta(days=30))
    page = read_page(viewer)
    assert "Drone (drone-runner-docker), not started" in page
    assert re.search(r"expire <time [^>]*>in (29|30) d</time>", page)
    set_host(server, agent_started_at=now, builds=["octo/web 7"])
    page = read_page(viewer)
    assert "Drone (drone-runner-docker), started" in page
    assert "Waits for builds" not in page
    Server.objects.update(state="shutdown", state_since=now)
    assert "octo/web 7" in read_page(viewer)


def test_a_boot_is_told_step_by_step_with_its_log(
    viewer: Client, workshop: Workshop
) -> None:
    server = run_one(workshop)
    TemplateVersion.objects.update(cloud_init="docker")
    now = database_now()
    steps: list[Any] = [
        {"name": "Install <Docker>", "at": 1, "seconds": 12.4, "ok": True},
        {"name": "Pull images", "at": 2, "seconds": None, "ok": True},
    ]
    log = "first\n<script>\nlast"
    said = {"attempt": 1, "boot_steps": steps, "boot_log": log}
    set_host(server, **said)
    assert "Boot log" not in read_page(viewer)  # nothing was heard yet
    set_host(server, heartbeat_at=now)
    page = read_page(viewer)
    for text in ("Install &lt;Docker&gt;", "12 s", "&lt;script&gt;", "in progress"):
        assert text in page, text
    steps[1] |= {"seconds": 1, "ok": False}
    set_host(server, boot_steps=steps, boot_failed=True)
    assert "failed</strong>" in read_page(viewer)
    set_host(server, boot_failed=False, booted_at=now)
    assert ">done</span>" in read_page(viewer).replace("</svg>", ">")
    assert "Terminate" not in read_page(viewer)
