"""A pool follows its queue: the whole way from a job to a server and back."""

import time
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
from django.db import connection
from django.db.models import QuerySet
from django.test.utils import CaptureQueriesContext

from servers import pools
from servers.errors import ConflictError
from servers.models import (
    Account,
    Event,
    Pool,
    PoolJob,
    PoolPlan,
    Queue,
    Server,
    Template,
)
from servers.operations.cordon import cordon_server
from servers.operations.fleet import pause_fleet, resume_fleet
from servers.operations.pools import delete_pool, save_pool
from servers.operations.provision import provision_servers
from servers.operations.queues import delete_queue, save_queue
from servers.operations.templates import delete_template
from servers.operations.terminate import protect_server, terminate_server
from servers.placing.caps import Rooms
from servers.pools import planner
from servers.pools.batch import read_batch
from tests.clouds.fakes.base import running
from tests.queues.fakes.drone import FakeDrone
from tests.queues.fakes.github import FakeGitHub
from tests.support.fleet import Workshop, make_fleet

pytestmark = [pytest.mark.django_db(transaction=True)]

QUICK = {"idle": 0.2, "cooldown": 0.0}


@pytest.fixture
def drone() -> Iterator[FakeDrone]:
    with running(FakeDrone()) as fake:
        yield fake


@pytest.fixture
def account() -> Account:
    return make_fleet()


def make_queue(drone: FakeDrone, name: str = "ci") -> Queue:
    queue = Queue(name=name, kind="drone", url=drone.url, options={"poll": 0.1})
    return save_queue(queue, credentials={"token": "token-one"})


def make_pool(queue: Queue, name: str = "linux", **policy: Any) -> Pool:
    template = Template.objects.get(name="default")
    pool = Pool(
        name=name,
        template=template,
        queue=queue,
        labels={"os": "linux", "arch": "amd64"},
        policy={**QUICK, **policy},
    )
    return save_pool(pool)


def run_jobs(drone: FakeDrone) -> None:
    """Give waiting stages to running servers, as Drone's server does."""
    for server in Server.objects.filter(state="running", cordoned=False):
        busy = [s for s in drone.stages.values() if s.get("machine") == server.name]
        free = server.capacity - len(busy)
        waiting = [s for s in drone.stages.values() if not s.get("machine")]
        for stage in waiting[: max(0, free)]:
            stage |= {"machine": server.name, "status": "running"}


def test_jobs_get_servers_and_idle_servers_go(
    drone: FakeDrone, account: Account, workshop: Workshop
) -> None:
    for _ in range(3):
        drone.add()
    pool = make_pool(make_queue(drone))

    def all_run() -> bool:
        run_jobs(drone)
        return all(stage.get("machine") for stage in drone.stages.values())

    workshop.run_until(all_run)
    servers = Server.objects.filter(pool=pool)
    assert servers.count() == 2  # of two slots each
    assert {server.created_by for server in servers} == {"pool:linux"}
    # Busy servers stay, however long.
    workshop.run_for(1)
    assert servers.filter(state="running", cordoned=False).count() == 2
    drone.stages.clear()
    workshop.run_until(lambda: servers.filter(state="stopped").count() == 2)
    kinds = list(
        Event.objects.filter(actor="pool:linux").values_list("kind", flat=True)
    )
    assert kinds.count("cordoned") == 2
    assert kinds.count("stop_requested") == 2
    changed = PoolPlan.objects.filter(pool=pool, changed=True).order_by("pk")
    assert changed[0].why[-1] == "2 servers will be created."
    workshop.run_until(lambda: read_figure(pool, "servers") == 0)


def read_figure(pool: Pool, name: str) -> int:
    found: int = Pool.objects.get(pk=pool.pk).figures.get(name, -1)
    return found


def has_count(rows: QuerySet[Server], number: int) -> bool:
    return rows.count() == number


def plan_now(pool: Pool) -> list[str]:
    """Read the queue, plan the pool, and return what it says."""
    pools.read_queue(pool.queue_id)
    pools.plan_pools([pool.pk])
    why: list[str] = Pool.objects.get(pk=pool.pk).why
    return why


def test_two_planners_of_the_same_state_create_once(
    drone: FakeDrone, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    drone.add()
    pool = make_pool(make_queue(drone))
    pools.read_queue(pool.queue_id)
    first = read_batch([pool.pk])
    pools.plan_pools([pool.pk])  # another one was faster
    assert Server.objects.count() == 1
    monkeypatch.setattr(planner, "read_batch", lambda _: first)
    pools.plan_pools([pool.pk])
    assert Server.objects.count() == 1
    monkeypatch.undo()
    for _ in range(3):  # a message that comes again
        pools.plan_pools([pool.pk])
    assert Server.objects.count() == 1


@pytest.mark.parametrize("change", [{"enabled": False}, {"policy": {"max": 0}}])
def test_a_plan_from_before_a_change_is_not_carried_out(
    drone: FakeDrone,
    account: Account,
    monkeypatch: pytest.MonkeyPatch,
    change: dict[str, Any],
) -> None:
    drone.add()
    pool = make_pool(make_queue(drone))
    pools.read_queue(pool.queue_id)
    old = read_batch([pool.pk])
    for name, value in change.items():
        setattr(pool, name, value)
    save_pool(pool)
    monkeypatch.setattr(planner, "read_batch", lambda _: old)
    pools.plan_pools([pool.pk])
    assert not Server.objects.exists()


def test_whatever_dies_within_a_plan_has_changed_nothing(
    drone: FakeDrone, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(300):
        drone.add()
    pool = make_pool(make_queue(drone), max=150)
    pools.read_queue(pool.queue_id)
    before = Pool.objects.get(pk=pool.pk)
    calls = []

    def die(request: Any) -> None:
        calls.append(request.count)
        if len(calls) == 2:
            raise KeyboardInterrupt
        provision_servers(request)

    monkeypatch.setattr(planner, "provision_servers", die)
    with pytest.raises(KeyboardInterrupt):
        pools.plan_pools([pool.pk])
    monkeypatch.undo()
    assert calls == [100, 50]
    assert not Server.objects.exists()
    after = Pool.objects.get(pk=pool.pk)
    assert (after.fence, after.memo) == (before.fence, before.memo)
    pools.plan_pools([pool.pk])
    assert Server.objects.count() == 150


def test_a_cap_is_kept_and_told(drone: FakeDrone, account: Account) -> None:
    Account.objects.update(max_servers=3)
    for _ in range(20):
        drone.add()
    why = plan_now(make_pool(make_queue(drone)))
    assert Server.objects.count() == 3
    assert "7 more servers would be needed, but the account has no room" in why[-1]


def test_a_cap_that_fills_up_meanwhile_undoes_the_plan_and_is_told(
    drone: FakeDrone, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(6):
        drone.add()
    pool = make_pool(make_queue(drone))
    Account.objects.update(max_servers=2)
    monkeypatch.setattr(Rooms, "count", lambda *_: 99)
    why = plan_now(pool)
    assert not Server.objects.exists()
    assert " ".join(why) == (
        "The plan could not be carried out. The account sandbox has a limit of 2 "
        "servers, so only 2 more can be created. Terminate some servers, or raise the "
        "limit."
    )


def test_a_paused_fleet_creates_nothing_for_pools(
    drone: FakeDrone, account: Account
) -> None:
    drone.add()
    pool = make_pool(make_queue(drone))
    pause_fleet()
    assert "but the pause flag is set." in plan_now(pool)[-1]
    assert not Server.objects.exists()
    resume_fleet()
    plan_now(pool)
    assert Server.objects.count() == 1


def test_a_dry_pool_says_what_it_would_do(drone: FakeDrone, account: Account) -> None:
    drone.add()
    pool = make_pool(make_queue(drone))
    pool.dry = True
    save_pool(pool)
    for _ in range(2):
        assert plan_now(pool)[1] == "1 server would be created."
    assert not Server.objects.exists()
    assert not PoolPlan.objects.filter(changed=True).exists()


def test_servers_that_people_protect_cordon_or_end_are_taken_as_they_are(
    drone: FakeDrone, account: Account, workshop: Workshop
) -> None:
    pool = make_pool(make_queue(drone), min=3, max=3)
    running = Server.objects.filter(pool=pool, state="running")
    workshop.run_until(lambda: running.count() == 3)
    kept, cordoned, ended = running.order_by("name")
    protect_server(kept.name, protected=True)
    cordon_server(cordoned.name)
    terminate_server(ended.name)
    pool.policy = QUICK
    save_pool(pool)
    workshop.run_for(1.5)
    # Nobody's cordon but the pool's own is taken back or followed by a stop.
    states = dict(Server.objects.filter(pool=pool).values_list("name", "state"))
    assert states[kept.name] == states[cordoned.name] == "running"
    assert states[ended.name] == "stopped"


def test_a_queue_that_can_t_be_read_changes_nothing_and_is_told(
    drone: FakeDrone, account: Account, workshop: Workshop
) -> None:
    for _ in range(2):
        drone.add()
    queue = make_queue(drone)
    pool = make_pool(queue, stale=0.3)
    running = Server.objects.filter(pool=pool, state="running")
    workshop.run_until(lambda: running.count() == 1)
    drone.stages.clear()
    drone.fail(1000, html=True)
    workshop.run_for(1.5)
    assert running.filter(cordoned=False).count() == 1
    queue.refresh_from_db()
    assert "Drone answered 503" in queue.problem
    assert queue.failures > 1
    pool.refresh_from_db()
    assert "Nothing changes until a new one comes." in pool.why[0]
    drone.faults.clear()
    workshop.run_until(lambda: running.count() == 0)


def test_a_pool_s_end_keeps_its_servers_or_drains_them(
    drone: FakeDrone, account: Account, workshop: Workshop
) -> None:
    queue = make_queue(drone)
    for drain in (False, True):
        pool = make_pool(queue, min=2)
        running = Server.objects.filter(pool=pool, state="running")
        workshop.run_until(partial(has_count, running, 2))
        protected = Server.objects.filter(pool=pool)[0]
        protect_server(protected.name, protected=True)
        names = list(Server.objects.filter(pool=pool).values_list("name", flat=True))
        delete_pool(pool, drain=drain)
        rows = Server.objects.filter(name__in=names, pool=None)
        assert rows.filter(state="running").count() == (1 if drain else 2)
        assert rows.get(name=protected.name).state == "running"
        said = Event.objects.filter(kind="pool_changed").latest("pk").reason
        kept = "are drained and terminated" if drain else "stay"
        assert said == f"The pool linux was deleted. Its 1 server {kept}."


def test_what_a_pool_needs_can_t_be_deleted(drone: FakeDrone, account: Account) -> None:
    queue = make_queue(drone)
    make_pool(queue)
    with pytest.raises(ConflictError, match="pools follow it: linux"):
        delete_queue(queue)
    with pytest.raises(ConflictError, match="Pools create servers from it: linux"):
        delete_template(Template.objects.get(name="default"))


def test_the_number_of_queries_does_not_grow_with_servers_and_jobs(
    drone: FakeDrone, account: Account
) -> None:
    pool = make_pool(make_queue(drone), max=60)
    counts = []
    for number in (2, 50):
        for _ in range(number):
            drone.add()
        plan_now(pool)
        with CaptureQueriesContext(connection) as caught:
            pools.plan_pools([pool.pk])
        counts.append(len(caught))
        assert Server.objects.count() == (1 if number == 2 else 26)
    assert counts[0] == counts[1]


def test_a_server_is_replaced_after_so_many_jobs(
    drone: FakeDrone, account: Account, workshop: Workshop
) -> None:
    drone.add()
    pool = make_pool(make_queue(drone), min=1, max_uses=1, idle=3600.0)

    def runs() -> bool:
        run_jobs(drone)
        return any(stage.get("machine") for stage in drone.stages.values())

    workshop.run_until(runs)
    (first,) = Server.objects.filter(pool=pool)
    workshop.run_until(PoolJob.objects.filter(server=first.name).exists)
    drone.stages.clear()
    workshop.run_until(
        lambda: Server.objects.filter(pk=first.pk, state="stopped").exists()
    )
    assert Server.objects.filter(pool=pool).count() == 2


def test_a_queue_is_left_alone_as_long_as_its_ci_wants(account: Account) -> None:
    with running(FakeGitHub()) as github:
        queue = Queue(
            name="ci",
            kind="github",
            url=github.url,
            options={"poll": 10, "repositories": ["acme/app"]},
        )
        save_queue(queue, credentials={"token": "token-one"})
        github.resets = int(time.time()) + 3600
        for left, wait in ((5000, 10), (21, 379), (10, 600)):
            github.remaining = left
            # The list of queued runs has changed, and a run is new: two calls.
            github.add_job("linux")
            pools.read_queue(queue.pk)
            queue.refresh_from_db()
            assert queue.problem == ""
            assert queue.next_read_at is not None
            assert queue.read_from is not None
            waits = (queue.next_read_at - queue.read_from).total_seconds()
            assert waits == pytest.approx(wait, abs=5)


def test_a_pool_that_is_renamed_goes_on_with_its_servers(
    drone: FakeDrone, account: Account, workshop: Workshop
) -> None:
    drone.add()
    pool = make_pool(make_queue(drone))
    servers = Server.objects.filter(pool=pool)

    def runs() -> bool:
        run_jobs(drone)
        return all(stage.get("machine") for stage in drone.stages.values())

    workshop.run_until(runs)
    pool = Pool.objects.get(name="linux")
    pool.name = "builds"
    save_pool(pool)
    workshop.run_for(1)
    # The one that it had counts for its job: none is created anew, and none stopped.
    assert servers.count() == servers.filter(state="running").count() == 1
    drone.stages.clear()
    workshop.run_until(lambda: servers.filter(state="stopped").count() == 1)
    (stop,) = Event.objects.filter(kind="stop_requested")
    assert stop.actor == "pool:builds"
