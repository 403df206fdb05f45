"""A plan is carried out once, as a whole or not at all, and within all limits."""

from importlib import import_module
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from servers import engine, pools, reconciler
from servers.messaging import dispatch
from servers.models import Account, Location, Pool, PoolPlan, Server
from servers.operations.fleet import pause_fleet, resume_fleet
from servers.operations.pools import save_pool
from servers.operations.provision import provision_servers
from servers.placing.caps import Rooms
from servers.pools import planner
from servers.pools.batch import read_batch
from servers.records.ledger import database_now
from tests.pools.following import make_pool, make_queue, plan_now
from tests.queues.fakes.drone import FakeDrone

pytestmark = [pytest.mark.django_db(transaction=True)]


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


def test_ticks_hint_new_servers_again_only_if_their_hints_were_lost(
    drone: FakeDrone, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    hints: list[str] = []

    def send(task: str, row_id: str, _: str) -> None:
        if task == dispatch.ADVANCE:
            hints.append(row_id)

    monkeypatch.setattr(dispatch, "_send", send)
    drone.add()
    plan_now(make_pool(make_queue(drone)))
    server = Server.objects.get()
    assert hints == [str(server.pk)]
    reconciler.tick()
    assert len(hints) == 1
    later = database_now() + dispatch.AGAIN
    monkeypatch.setattr(
        import_module("servers.reconciler.tick"), "database_now", lambda: later
    )
    reconciler.tick()
    assert hints == [str(server.pk)] * 2


def test_a_worker_takes_the_hint_of_a_new_server_at_once(
    drone: FakeDrone, account: Account
) -> None:
    drone.add()
    plan_now(make_pool(make_queue(drone)))
    server = Server.objects.get()
    for location in Location.objects.all():
        reconciler.observe_location(location.pk)
    engine.advance(server.pk)
    server.refresh_from_db()
    assert server.attempt_number == 1


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
    monkeypatch.setattr(Rooms, "left", {})
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


def test_a_dry_pool_has_not_waited_for_room_once_it_is_live(
    drone: FakeDrone, account: Account
) -> None:
    Account.objects.update(max_servers=0)
    drone.add()
    pool = make_pool(make_queue(drone))
    for pool.dry in (True, False):
        save_pool(pool)
        assert "no room" in " ".join(plan_now(pool))
        pool.refresh_from_db()
        assert bool(pool.memo["short_since"]) is not pool.dry


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
