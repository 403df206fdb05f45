"""SIGKILL at every boundary of a report that an instance sends, and of what follows.

An instance that gets no answer sends its report again. So whoever is killed, each boot
ends once, and no drain ends before the instance has said that its builds have ended.
"""

from collections import Counter
from typing import Any

import pytest
from django.core.cache import cache
from django.utils import timezone

from servers import engine
from servers.api.callback import reports
from servers.machine.callback.tokens import digest
from servers.models import Attempt, Event, Host, Server
from servers.operations.fleet import freeze_destroys
from servers.operations.terminate import terminate_server
from tests.exactly_once.test_kills import kill_everywhere
from tests.support.ageing import jump
from tests.support.fleet import Workshop, provision, world_of
from tests.support.reporters import (
    SECRET,
    URL,
    Reporter,
    give_token,
    make_callback_fleet,
)

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

MOST = 90
LEASE = 6.0  # a bit longer than that of the tests
STEP = ("Install Docker", 1.0)


@pytest.fixture(autouse=True)
def quick(settings: Any) -> None:
    settings.PUBLIC_URL = URL
    settings.DRAIN_RECHECK = 0.0
    reports.forget()
    cache.clear()


def start_many(workshop: Workshop) -> dict[Server, Reporter]:
    """Have servers wait for their instances' first report."""
    make_callback_fleet(cloud_init="docker", build_labels={"ci": "1"})
    servers = [provision() for _ in range(MOST)]
    workshop.run_to("staging", *servers, seconds=120)
    workshop.deaf = True
    return {
        # Each instance has its own address: reports are limited by it.
        server: Reporter(give_token(server), address=f"10.1.1.{number}")
        for number, server in enumerate(servers)
    }


def step_now(server: Server) -> None:
    Server.objects.filter(pk=server.pk).update(next_step_at=timezone.now())
    engine.advance(server.pk)


def test_a_kill_at_any_boundary_of_a_report_of_the_boot_ends_it_once(
    workshop: Workshop,
) -> None:
    instances = start_many(workshop)

    def act(server: Server) -> None:
        assert instances[server].boot("ready", STEP).status_code == 200
        step_now(server)

    left = list(instances)
    killed = kill_everywhere(left.pop, act, ends_in={"running"})
    print(f"{len(killed) - 1} boundaries of a report of the boot")
    assert len(killed) > 15
    for server in killed:
        assert instances[server].boot("ready", STEP).status_code == 200
    jump(LEASE, world_of(killed[0].account))
    workshop.deaf = False
    workshop.run_to("running", *killed)
    ready = Event.objects.filter(kind="ready").values_list("server_name", flat=True)
    once = Counter(server.name for server in killed)
    assert Counter(ready) == once
    assert Counter(Attempt.objects.values_list("server_name", flat=True)) >= once
    assert set(Attempt.objects.values_list("number", flat=True)) == {1}
    for host in Host.objects.filter(server__in=killed):
        assert host.secret_digest == digest(SECRET)
        assert [(each["name"], each["seconds"]) for each in host.boot_steps] == [STEP]


def test_a_kill_at_any_boundary_of_a_report_of_a_drain_cuts_no_build_off(
    workshop: Workshop,
) -> None:
    instances = start_many(workshop)
    for reporter in instances.values():
        assert reporter.boot("ready", STEP).status_code == 200
    workshop.deaf = False
    workshop.run_to("running", *instances)
    workshop.deaf = True
    freeze_destroys(frozen=True)  # other tests kill the destroy
    left = list(instances)
    taken: list[Server] = []

    def prepare() -> Server:
        for server in taken[-1:]:
            told = Host.objects.get(server=server).drained_at is not None
            server.refresh_from_db()
            assert told or server.state == "shutdown"
        server = left.pop()
        terminate_server(server.name)
        taken.append(server)
        return server

    def act(server: Server) -> None:
        reporter = instances[server]
        assert reporter.beat(builds=["job"]).json()["drain"] is True
        step_now(server)
        assert reporter.beat(drained=True).status_code == 200
        step_now(server)

    killed = kill_everywhere(prepare, act, ends_in={"stopping"})
    print(f"{len(killed) - 1} boundaries of the reports of a drain")
    assert len(killed) > 20
    jump(LEASE, world_of(killed[0].account))
    workshop.deaf = False
    waiting = Server.objects.filter(pk__in=[each.pk for each in killed])
    for server in waiting.filter(state="shutdown"):
        assert instances[server].beat(drained=True).status_code == 200
    workshop.run_to("stopping", *killed)
    drained = Event.objects.filter(kind="drained").values_list("server_name", flat=True)
    assert Counter(drained) == Counter(server.name for server in killed)
