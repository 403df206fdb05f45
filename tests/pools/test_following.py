"""A pool follows its queue: the whole way from a job to a server and back."""

import time
from datetime import timedelta
from functools import partial

import pytest
from django.db.models import QuerySet

from servers import pools
from servers.errors import ConflictError
from servers.models import (
    Account,
    Event,
    Host,
    Pool,
    PoolJob,
    PoolPlan,
    Queue,
    Server,
    Template,
)
from servers.operations.cordon import cordon_server
from servers.operations.pools import delete_pool, save_pool
from servers.operations.provision import Request, provision_servers
from servers.operations.queues import delete_queue, save_queue
from servers.operations.templates import delete_template
from servers.operations.terminate import protect_server, terminate_server
from servers.records.ledger import database_now
from tests.clouds.fakes.base import running
from tests.pools.following import QUICK, make_pool, make_queue, plan_now
from tests.queues.fakes.drone import FakeDrone
from tests.queues.fakes.github import FakeGitHub
from tests.support.fleet import Workshop

pytestmark = [pytest.mark.django_db(transaction=True)]


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


def test_a_pool_that_was_dry_for_a_while_goes_on_with_its_own_cordons(
    drone: FakeDrone, account: Account, workshop: Workshop
) -> None:
    pool = make_pool(make_queue(drone), min=2)
    running = Server.objects.filter(pool=pool, state="running")
    workshop.run_until(lambda: running.count() == 2)
    kept, idle = running.order_by("name")
    # It was about to be terminated.
    cordon_server(idle.name)
    pool.refresh_from_db()
    at = database_now().timestamp()
    Pool.objects.update(memo={**pool.memo, "cordoned_at": {idle.name: at}})
    pool.refresh_from_db()
    # It would terminate it, then uncordon it, and then does terminate it.
    for least, pool.dry in ((1, True), (2, True), (1, False)):
        pool.policy = {"min": least}
        save_pool(pool)
        plan_now(pool)
    workshop.run_until(lambda: running.count() == 1)
    assert running.get() == kept


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


def test_servers_that_lose_their_health_soon_after_they_are_ready_slow_the_pool_down(
    drone: FakeDrone, account: Account
) -> None:
    pool = make_pool(make_queue(drone), min=9)
    provision_servers(Request(template="default", count=4, pool=pool.pk))
    for _ in range(9):
        drone.add()
    now = database_now()
    ready = now - timedelta(minutes=5)
    Server.objects.update(state="error", ready_at=ready, lost_at=now)
    *failed, ended = Server.objects.order_by("name")
    # Its instance stopped: that says nothing against the template.
    Host.objects.create(server=ended, failures=0)
    for server in failed:
        Host.objects.create(server=server, failures=3)
    pools.read_queue(Queue.objects.get().pk)
    (planned,) = pools.plan_pools([pool.pk]).values()
    assert planned.create == 0
    assert planned.memo.failures == 3
    assert "servers failed soon after their boots" in " ".join(planned.why)
    # Those that had been ready for long are no sign of that.
    Server.objects.update(ready_at=now - timedelta(hours=1))
    Pool.objects.update(memo={})
    (planned,) = pools.plan_pools([pool.pk]).values()
    assert planned.memo.failures == 0
    assert planned.create
