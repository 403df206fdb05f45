"""SIGKILL at every boundary of the create step and of the destroy step.

The sandbox needs two calls for an instance, so the create step has two of them there.
One server per boundary, and another worker continues. In the end each server has
exactly one instance, or none after its destruction.
"""

import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from contextlib import ExitStack
from functools import partial

import pytest

from servers import engine
from servers.models import Account, Attempt, Instance, Server, Template
from servers.operations.templates import save_template
from servers.operations.terminate import terminate_server
from servers.records.keys import find_keys
from tests.clouds.benches import BENCHES
from tests.exactly_once.clouds import (
    Bench,
    list_fakes,
    make_fake,
    make_moto,
    make_sandbox,
)
from tests.support.crash import kill_at, run_in_child, was_killed
from tests.support.fleet import Workshop, change_template, provision, world_of
from tests.support.moto import reset_moto
from tests.support.worlds import turn

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]
# More than any step has. The test finds the last boundary itself.
MAX_BOUNDARIES = 400
MAX_HELD = 10
# moto gives an address at once.
CREATED = {"created", "staging", "running"}


# A sandbox is enough for the second database: the calls to clouds are the same there.
@pytest.fixture(
    params=[
        "sandbox",
        *(
            pytest.param(name, marks=pytest.mark.sqlite)
            for name in ("moto", *list_fakes())
            if name != "amazon"  # moto is it
        ),
    ]
)
def bench(request: pytest.FixtureRequest, workshop: Workshop) -> Iterator[Bench]:
    with ExitStack() as stack:
        yield _open(request, workshop, stack)


def _open(
    request: pytest.FixtureRequest, workshop: Workshop, stack: ExitStack
) -> Bench:
    if request.param == "sandbox":
        made: Bench = make_sandbox(power_on=True)
    elif request.param == "moto":
        url = request.getfixturevalue("moto_url")
        reset_moto(url)
        made = make_moto(url)
    else:
        fake = BENCHES[request.param]()
        stack.enter_context(fake.run())
        made = make_fake(fake)
    # The gate opens with the first listing.
    workshop.run_until(
        lambda: made.account.locations.filter(listings__isnull=False).exists()
    )
    return made


def kill_everywhere(
    prepare: Callable[[], Server],
    act: Callable[[Server], None],
    *,
    ends_in: set[str],
    kinds: Collection[str] = (),
) -> list[Server]:
    """Kill ``act`` on a fresh server at boundary 1, 2, …; return all the servers.

    The last one is not killed, and reaches one of the states ``ends_in``. On a busy
    machine a step may stop before its call because too much of its lease has passed.
    It is then repeated with another server.
    """
    servers = []
    number, held = 1, 0
    while number < MAX_BOUNDARIES and held < MAX_HELD:
        server = prepare()
        servers.append(server)
        child = run_in_child(partial(act, server), kill_at(number, kinds))
        if was_killed(child):
            number += 1
            continue
        server.refresh_from_db()
        if server.state in ends_in:
            return servers
        held += 1
    raise AssertionError(f"no end: {number} boundaries, held {held} times")


def test_a_kill_at_any_boundary_of_a_create_leaves_exactly_one(
    bench: Bench, workshop: Workshop
) -> None:
    # The keys are stored by the intent, so they are among what a kill cuts off.
    for template in Template.objects.all():
        template.cloud_init = "docker"
        save_template(template)
    workshop.deaf = True
    servers = kill_everywhere(
        provision,
        lambda server: engine.advance(server.pk),
        ends_in=CREATED,
        kinds=bench.kinds,
    )
    workshop.deaf = False
    print(f"{len(servers) - 1} boundaries of a create")
    assert len(servers) > bench.least_create
    keys = {server.pk: find_keys(server.pk) for server in servers}
    tried = set(Attempt.objects.values_list("server_uid", flat=True))
    assert {pk for pk, each in keys.items() if each is not None} == tried
    workshop.run_to("running", *servers, seconds=120)
    workshop.run_for(2.0)
    assert bench.live() == Counter(server.pk.hex for server in servers)
    assert bench.unfinished() == []
    for pk, before in keys.items():
        now = find_keys(pk)
        assert now is not None
        assert before in {None, now}


# The create and the destroy meet the second database, too.
@pytest.mark.sqlite
def test_a_kill_at_any_boundary_of_a_fall_back_leaves_exactly_one(
    workshop: Workshop,
) -> None:
    bench = make_sandbox()
    account = bench.account
    change_template(fallbacks=[{"size": "medium"}])
    # No instance becomes ready before it fails.
    Account.objects.update(options={**account.options, "boot": 600.0})
    workshop.run_until(
        lambda: account.locations.filter(listings__isnull=False).exists()
    )
    workshop.deaf = True

    def prepare() -> Server:
        server = provision()
        engine.advance(server.pk)
        server.refresh_from_db()
        assert server.state == "created"
        turn(world_of(account), server.instance_id, "failed", time.time())
        # Seen by a listing.
        Instance.objects.filter(instance_id=server.instance_id).update(meaning="failed")
        Server.objects.filter(pk=server.pk).update(next_step_at=server.state_since)
        return server

    servers = kill_everywhere(
        prepare, lambda server: engine.advance(server.pk), ends_in=CREATED
    )
    print(f"{len(servers) - 1} boundaries of a fall back and its create")
    assert len(servers) > bench.least_create
    with world_of(account).writing() as world:
        world.execute("UPDATE instances SET active_at = made_at")
    Account.objects.update(options=account.options)
    workshop.deaf = False
    workshop.run_to("running", *servers, seconds=120)
    # All failed instances are swept, however many there are.
    workshop.run_until(lambda: bench.live().total() == len(servers))
    assert bench.live() == Counter(server.pk.hex for server in servers)


def test_a_kill_at_any_boundary_of_a_destroy_leaves_none(
    bench: Bench, workshop: Workshop
) -> None:
    def prepare() -> Server:
        return servers.pop()

    servers = [provision() for _ in range(2 * bench.least_destroy + MAX_HELD)]
    every = list(servers)
    workshop.run_to("running", *servers, seconds=120)

    def act(server: Server) -> None:
        terminate_server(server.name)
        engine.advance(server.pk)

    workshop.deaf = True
    killed = kill_everywhere(prepare, act, ends_in={"stopping"}, kinds=bench.kinds)
    workshop.deaf = False
    print(f"{len(killed) - 1} boundaries of a destroy")
    assert len(killed) > bench.least_destroy
    for server in every:
        terminate_server(server.name)
    workshop.run_to("stopped", *every, seconds=120)
    assert not bench.live()
