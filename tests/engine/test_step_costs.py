"""What one life of a server costs the database: statements and commits."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

import pytest
from django.db import connection
from django.db.backends.base.base import BaseDatabaseWrapper

from servers import engine, reconciler
from servers.models import Account, Location, Server
from servers.operations.terminate import terminate_server
from tests.support.fleet import TIMINGS, Workshop, make_fleet, provision

pytestmark = pytest.mark.django_db(transaction=True)

# A server's own steps. Listings are shared by all servers of a location.
# On SQLite, two of a create set whether its commit waits for the disk.
CREATE = (23, 2)
TERMINATE = (4, 1)
DESTROY = (13, 2)
# How much more a listing costs for each server that it moves.
BOOT_LISTING = 2
END_LISTING = 1
MORE = 10


@dataclass(slots=True)
class Cost:
    """Statements without those that begin and end transactions, and commits."""

    statements: int = 0
    commits: int = 0


@contextmanager
def counted() -> Iterator[Cost]:
    cost = Cost()
    commit = BaseDatabaseWrapper._commit  # type: ignore[attr-defined]

    def execute(run: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if not sql.startswith(("BEGIN", "COMMIT")):
            cost.statements += 1
            writes = sql.startswith(("INSERT", "UPDATE", "DELETE"))
            cost.commits += writes and not connection.in_atomic_block
        return run(sql, params, many, context)

    def committed(self: BaseDatabaseWrapper) -> Any:
        cost.commits += 1
        return commit(self)

    with (
        connection.execute_wrapper(execute),
        patch.object(BaseDatabaseWrapper, "_commit", committed),
    ):
        yield cost


def is_within(cost: tuple[int, int], limit: tuple[int, int]) -> bool:
    print(f"{cost[0]} statements, {cost[1]} commits")
    return cost[0] <= limit[0] and cost[1] <= limit[1]


def cost_of(act: Callable[[], Any]) -> tuple[int, int]:
    with counted() as cost:
        act()
    return cost.statements, cost.commits


@pytest.fixture
def account(workshop: Workshop) -> Account:
    """An account whose gate is open, and whose next listing is soon enough."""
    timings = {**TIMINGS, "listing_busy": 60.0, "listing_idle": 60.0}
    account = make_fleet(timings=timings)
    list_now()
    start(1)  # what a process reads only once is read now
    list_now()
    return account


def list_now() -> tuple[int, int]:
    location = Location.objects.get()
    return cost_of(lambda: reconciler.observe_location(location.pk))


def start(count: int) -> list[Server]:
    servers = [provision() for _ in range(count)]
    for server in servers:
        engine.advance(server.pk)
    time.sleep(0.5)  # until all are visible and have booted
    return servers


def count_states(state: str) -> int:
    return Server.objects.filter(state=state).count()


def test_a_life_costs_few_statements_and_commits(account: Account) -> None:
    server = provision()
    assert is_within(cost_of(lambda: engine.advance(server.pk)), CREATE)
    server.refresh_from_db()
    assert server.state == "created"
    time.sleep(0.5)
    list_now()
    server.refresh_from_db()
    assert server.state == "running"
    assert is_within(cost_of(lambda: terminate_server(server.name)), TERMINATE)
    assert is_within(cost_of(lambda: engine.advance(server.pk)), DESTROY)
    server.refresh_from_db()
    assert server.state == "stopping"


def test_a_listing_moves_many_servers_for_few_statements_and_no_commit_each(
    account: Account,
) -> None:
    def cost_of_life(count: int) -> tuple[tuple[int, int], tuple[int, int]]:
        """Return what the listings cost that let servers run, and that end them."""
        servers = start(count)
        before = count_states("running")
        boot = list_now()
        assert count_states("running") == before + count
        for server in servers:
            terminate_server(server.name)
            engine.advance(server.pk)
        end = (0, 0)
        gone = count_states("stopped")
        while count_states("stopped") < gone + count:
            time.sleep(0.3)
            end = list_now()
        return boot, end

    cost_of_life(1)
    boot_of_one, end_of_one = cost_of_life(1)
    boot_of_many, end_of_many = cost_of_life(1 + MORE)
    # Whole numbers: a counter more or less is no cost of each.
    assert (boot_of_many[0] - boot_of_one[0]) // MORE <= BOOT_LISTING
    assert (end_of_many[0] - end_of_one[0]) // MORE <= END_LISTING
    assert (boot_of_many[1] - boot_of_one[1]) // MORE <= 0
    assert (end_of_many[1] - end_of_one[1]) // MORE <= 0


def test_a_hint_for_a_row_that_was_done_costs_one_statement(account: Account) -> None:
    (server,) = start(1)
    assert cost_of(lambda: engine.advance(server.pk)) == (1, 0)
