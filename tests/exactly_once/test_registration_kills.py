"""SIGKILL at every boundary of a create with a registration, and of the sweep.

One server per boundary, on a sandbox and a fake of GitHub. In the end each server has
one instance and one runner, by the same name, and no other runner is left.
"""

from collections.abc import Iterator

import pytest
from django.utils import timezone

from servers import engine
from servers.models import Attempt, Queue, Registration, Server
from servers.placing.machines import plan_agent_for
from servers.pools.holding import claim_queue
from servers.pools.runners import follow_registrations
from tests.clouds.fakes.base import running
from tests.exactly_once.clouds import make_sandbox
from tests.exactly_once.test_kills import CREATED, kill_everywhere
from tests.queues.fakes.github import FakeGitHub
from tests.support.crash import kill_at, run_in_child, was_killed
from tests.support.fleet import Workshop, live_keys
from tests.support.runners import (
    VARIABLE,
    list_current_keys,
    list_names,
    make_registering_pool,
    provision_in,
    read_queue,
    settle,
)

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.slow,
    pytest.mark.sqlite,  # other tests kill a create on both databases
]
# Around what a sweep calls and saves.
AROUND = frozenset({"sent", "answer come", "commit done"})


@pytest.fixture
def github() -> Iterator[FakeGitHub]:
    with running(FakeGitHub()) as fake:
        yield fake


def test_a_kill_at_any_boundary_leaves_one_runner_for_each_server(
    github: FakeGitHub, workshop: Workshop
) -> None:
    bench = make_sandbox()
    pool = make_registering_pool(github)
    workshop.run_until(
        lambda: bench.account.locations.filter(listings__isnull=False).exists()
    )
    workshop.deaf = True
    servers = kill_everywhere(
        lambda: provision_in(pool),
        lambda server: engine.advance(server.pk),
        ends_in=CREATED,
    )
    print(f"{len(servers) - 1} boundaries of a create with a registration")
    # It has those of a create, and those of the call to the CI.
    assert len(servers) > bench.least_create + 8
    workshop.deaf = False
    workshop.run_to("running", *servers, seconds=120)
    created = {row.key for row in Attempt.objects.exclude(instance_id="")}
    # Whichever instance runs has an agent, and its runner is its own.
    assert set(live_keys(bench.account)) == created == set(list_current_keys())
    assert created <= set(list_names(github))
    given = [plan_agent_for(server).environment[VARIABLE] for server in servers]
    assert len(set(given)) == len(servers)
    settle()
    _sweep_through_kills(github)
    assert sorted(list_names(github)) == sorted(created)
    left = Registration.objects.filter(revoked_at=None)
    assert sorted(left.values_list("key", flat=True)) == sorted(created)
    Server.objects.update(state="stopped")
    for _ in range(3):  # a busy machine may need more than one
        read_queue()
    assert list_names(github) == []
    assert not Registration.objects.exclude(environment="").exists()


def _sweep_through_kills(github: FakeGitHub) -> None:
    """Kill the sweep at each boundary of its calls, then let it end."""
    number, killed = 0, True
    while killed:
        number += 1
        # There is always one more for it to remove.
        github.add_runner(_make_stray(number))
        Queue.objects.update(lease_until=None, runners_at=None, runners_after=None)
        child = run_in_child(_read, kill_at(number, AROUND))
        killed = was_killed(child)
    print(f"{number - 1} boundaries of a sweep")
    assert number > 5
    Queue.objects.update(lease_until=None, runners_at=None, runners_after=None)
    read_queue()


def _read() -> None:
    held = claim_queue(Queue.objects.get().pk)
    assert held is not None
    follow_registrations(held)


def _make_stray(number: int) -> str:
    """Return the name of a runner that a closed attempt had."""
    row = Registration.objects.order_by("asked_at")[0]
    key = f"ci-{row.server_uid.hex}-{900 + number}-zzzz"
    Registration.objects.create(
        queue=row.queue,
        server_uid=row.server_uid,
        server_name=row.server_name,
        key=key,
        asked_at=timezone.now().replace(year=2020),
    )
    return key
