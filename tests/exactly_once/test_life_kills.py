"""SIGKILL at every boundary of a drain, and of the replacement of a lost server.

One server per boundary, on a sandbox that simulates builds and health. No build is cut
off, and each lost server has exactly one replacement.
"""

import time
from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from servers import engine
from servers.models import Account, Event, Host, Server, Template
from servers.operations.fleet import freeze_destroys
from servers.operations.templates import save_template
from servers.operations.terminate import terminate_server
from tests.exactly_once.test_kills import kill_everywhere
from tests.support.ageing import jump
from tests.support.fleet import Workshop, make_fleet, provision, world_of

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

BUILD = 0.1
LEASE = 6.0  # a bit longer than that of the tests
MOST = 60


@pytest.fixture(autouse=True)
def quick(settings: Any) -> None:
    settings.DRAIN_RECHECK = 0.0


def run_many(workshop: Workshop, account: Account) -> list[Server]:
    servers = [provision() for _ in range(MOST)]
    workshop.run_to("running", *servers, seconds=120)
    workshop.deaf = True
    return servers


def step_again(server: Server) -> None:
    """Take the next step now, whenever it was planned."""
    Server.objects.filter(pk=server.pk).update(next_step_at=timezone.now())
    engine.advance(server.pk)


def test_a_kill_at_any_boundary_of_a_drain_cuts_no_build_off(
    workshop: Workshop,
) -> None:
    account = make_fleet(build=BUILD)
    left = run_many(workshop, account)
    freeze_destroys(frozen=True)  # other tests kill the destroy

    def act(server: Server) -> None:
        terminate_server(server.name)
        engine.advance(server.pk)  # it sees the build
        time.sleep(BUILD)
        step_again(server)

    killed = kill_everywhere(left.pop, act, ends_in={"stopping"})
    print(f"{len(killed) - 1} boundaries of a drain")
    assert len(killed) > 20
    for server in killed:
        terminate_server(server.name)  # where the request itself was killed
    jump(LEASE, world_of(account))
    workshop.deaf = False
    workshop.run_to("stopping", *killed)
    drained = Event.objects.filter(kind="drained")
    ends = {event.server_uid: event for event in drained}
    assert len(ends) == drained.count() == len(killed)
    for server in killed:
        assert ends[server.pk].reason == "The simulated build has finished."


def test_a_kill_at_any_boundary_of_a_replacement_leaves_exactly_one(
    workshop: Workshop,
) -> None:
    account = make_fleet()
    template = Template.objects.get()
    template.on_health_lost = "replace"
    save_template(template)
    left = run_many(workshop, account)
    jump(700.0, world_of(account))  # they have proven themselves
    Account.objects.update(options={**account.options, "faults": {"unhealthy": 1.0}})
    now = timezone.now()
    # So many are well that the network is not to blame.
    Host.objects.bulk_create(Host(server=each, checked_at=now) for each in left)
    taken: list[Server] = []

    def prepare() -> Server:
        for server in taken[-1:]:  # another worker goes on
            jump(LEASE, world_of(account))
            step_again(server)
        # Each is lost on its own, and not one of many of late.
        Server.objects.update(lost_at=None)
        server = left.pop()
        before = timezone.now() - timedelta(seconds=60)
        Host.objects.filter(server=server).update(failures=2, checked_at=before)
        taken.append(server)
        return server

    lost = kill_everywhere(prepare, step_again, ends_in={"shutdown", "stopping"})
    print(f"{len(lost) - 1} boundaries of a replacement")
    assert len(lost) > 15
    states = Server.objects.filter(pk__in=[server.pk for server in lost])
    assert {each.state for each in states} <= {"shutdown", "stopping"}
    said = Event.objects.filter(reason__startswith="It replaces")
    assert Counter(said.values_list("reason", flat=True)) == Counter(
        f"It replaces {server.name}." for server in lost
    )
