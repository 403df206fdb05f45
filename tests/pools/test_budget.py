"""A pool's budget for a day holds creations, by what its servers have cost today."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from servers import pools
from servers.models import Account, DayCost, Pool, Queue, Server, Template
from servers.operations.pools import save_pool
from servers.operations.queues import save_queue
from servers.pools.preview import preview_plan
from servers.records.ledger import database_now
from servers.records.snapshots import load_snapshot
from servers.reports.costs import load_pool_spending, load_spending
from tests.queues.fakes.drone import FakeDrone
from tests.support.fleet import make_fleet

pytestmark = pytest.mark.django_db(transaction=True)

EUR: dict[str, Any] = {"price_per_hour": Decimal("0.5"), "currency": "EUR"}
USD: dict[str, Any] = {"price_per_hour": Decimal(2), "currency": "USD"}


@pytest.fixture
def pool(drone: FakeDrone) -> Pool:
    """Return a pool with jobs for two servers, and with a budget."""
    make_fleet()
    for _ in range(4):
        drone.add()
    queue = save_queue(
        Queue(name="ci", kind="drone", url=drone.url),
        credentials={"token": "token-one"},
    )
    pool = Pool(
        name="linux",
        template=Template.objects.get(name="default"),
        queue=queue,
        labels={"os": "linux", "arch": "amd64"},
        policy={"cost_per_day": 3, "price": 0.5},
    )
    return save_pool(pool)


def spend(pool: Pool | None, hours: float, *, days: int = 0, **price: Any) -> None:
    """Let a pool's servers have been billed for some hours on a day."""
    DayCost.objects.create(
        day=(database_now() - timedelta(days=days)).date(),
        account=Account.objects.get().pk,
        seconds=int(hours * 3600),
        **({"pool": pool.pk} if pool else {}),
        **price,
    )


def plan_now(pool: Pool) -> str:
    pools.read_queue(pool.queue_id)
    pools.plan_pools([pool.pk])
    return " ".join(Pool.objects.get(pk=pool.pk).why)


def test_what_others_and_other_days_cost_is_no_matter(pool: Pool) -> None:
    spend(None, 99, **EUR)
    spend(pool, 99, days=1, **EUR)
    spend(pool, 3, **EUR)
    assert "2 servers will be created." in plan_now(pool)
    assert Server.objects.count() == 2


@pytest.mark.parametrize(
    ("used", "created", "said"),
    [
        ([(6, EUR)], 0, "but 3.00 EUR of today's budget of 3 is spent."),
        ([(4.5, EUR)], 1, "1 more server would be needed, but 2.25 EUR of today's"),
        # What has no known price counts at the policy's, and is told.
        ([(6, {})], 0, "3.00 of today's budget of 3 is spent (3.00 of it is assumed"),
        ([(4, EUR), (1, {})], 1, "2.50 EUR of today's budget of 3 is spent (0.50 of"),
        ([(1, EUR), (1, USD)], 0, "several currencies (EUR and USD), which can't be"),
    ],
)
def test_a_budget_holds_creations_and_says_so(
    pool: Pool, used: list[tuple[float, dict[str, Any]]], created: int, said: str
) -> None:
    for hours, price in used:
        spend(pool, hours, **price)
    assert said in plan_now(pool)
    assert Server.objects.count() == created


def test_a_form_tells_it_before_it_is_saved(pool: Pool) -> None:
    spend(pool, 6, **EUR)
    pools.read_queue(pool.queue_id)
    queue = Queue.objects.get()
    pool = Pool.objects.select_related("queue", "template").get()
    planned = preview_plan(pool, load_snapshot(queue))
    assert "but 3.00 EUR of today's budget of 3 is spent." in planned.why[-1]
    pool.policy = {}
    assert preview_plan(pool, load_snapshot(queue)).create == 2


def test_a_pool_s_costs_are_one_query_and_those_of_the_whole(pool: Pool) -> None:
    spend(pool, 6, **EUR)
    spend(pool, 2)
    spend(None, 2, **EUR)
    now = database_now()
    with CaptureQueriesContext(connection) as caught:
        found = load_pool_spending([pool.pk], now=now).of_pool(pool.pk)
    assert len(caught) == 1
    assert found == load_spending(now=now).of_pool(pool.pk)
    assert found.unknown_today == 7200
