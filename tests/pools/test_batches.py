"""Pools are read together and planned one by one, and none is in another's way."""

from collections import Counter
from typing import Any
from uuid import UUID

import pytest
from django.db import connection
from django.db.models import QuerySet
from django.test.utils import CaptureQueriesContext

from servers import pools, reconciler
from servers.lifecycle.pools.sharing import PATIENCE
from servers.messaging import dispatch
from servers.models import Account, Fleet, Pool, Queue, Server, Template
from servers.models import Counter as CounterRow
from servers.operations.provision import Request, provision_servers
from servers.pools import planner
from servers.pools.batch import read_batch
from servers.pools.storing import follow_snapshot, prepare_snapshot
from servers.records.counters import FAILURES, FAULT
from servers.records.ledger import database_now
from tests.pools.numbered import make_pool, make_queue, show
from tests.support.fleet import Workshop, make_fleet

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def fleet() -> Account:
    return make_fleet()


def count_servers() -> dict[str, int]:
    names = Server.objects.exclude(pool=None).values_list("pool__name", flat=True)
    return dict(Counter(names))


def say_why(pool: Pool) -> str:
    return " ".join(Pool.objects.get(pk=pool.pk).why)


def count_statements(*planned: Pool) -> Counter[str]:
    with CaptureQueriesContext(connection) as caught:
        assert len(pools.plan_pools([pool.pk for pool in planned])) == len(planned)
    words = (query["sql"].split(maxsplit=1)[0] for query in caught)
    # PostgreSQL declares the cursor of a query whose rows are read one by one.
    return Counter("SELECT" if word == "DECLARE" else word for word in words)


def test_twenty_pools_are_read_with_as_many_queries_as_one() -> None:
    Template.objects.update(max_servers=100)
    Fleet.objects.update(max_servers=100)
    queues = [make_queue(f"ci-{number}") for number in range(5)]
    made = [
        make_pool(
            queues[number % 5],
            number,
            dry=number == 1,
            max_uses=9,
            cost_per_day=9,
            price=1,
        )
        for number in range(1, 21)
    ]
    found = []
    for planned in (made[:1], made):
        for queue in queues:
            show(queue)
        # The second plan of a snapshot uses what the first has divided.
        found.append([count_statements(*planned), count_statements(*planned)])
    one, all_of_them = found
    for alone, together in zip(one, all_of_them, strict=True):
        assert together["SELECT"] == alone["SELECT"] <= 12
        assert together["DELETE"] == 0
        # Each pool's fence, memory and figures are one statement.
        assert (alone["UPDATE"], together["UPDATE"]) == (1, 20)
    assert one[0]["SELECT"] == one[1]["SELECT"] + 2


@pytest.mark.parametrize("capped", ["account", "template", "fleet"])
def test_pools_of_a_batch_share_what_a_cap_leaves(capped: str) -> None:
    rows: dict[str, QuerySet[Any]] = {
        "account": Account.objects.all(),
        "template": Template.objects.all(),
        "fleet": Fleet.objects.all(),
    }
    queue = make_queue()
    made = [make_pool(queue, number) for number in (1, 2, 3)]
    show(queue, 1, 1, 2, 2, 3)
    rows[capped].update(max_servers=3)
    pools.plan_pools([pool.pk for pool in made])
    # Nothing was refused: the later plans knew what the earlier ones had created.
    assert count_servers() == {"pool-1": 1, "pool-2": 1, "pool-3": 1}
    said = "1 more server would be needed, but what a server limit leaves is shared"
    assert f"{said} with the pools pool-2 and pool-3." in say_why(made[0])
    assert f"{said} with the pools pool-1 and pool-3." in say_why(made[1])
    assert "would be needed" not in say_why(made[2])
    # Of two that have equally many, one gets what gets free.
    rows[capped].update(max_servers=4)
    show(queue, *[1] * 9, 2, 2, 3)
    pools.plan_pools([pool.pk for pool in made])
    assert count_servers() == {"pool-1": 2, "pool-2": 1, "pool-3": 1}
    said = "7 more servers would be needed, but what a server limit leaves is shared"
    assert f"{said} with the pool pool-2." in say_why(made[0])


def test_pools_of_different_queues_both_get_servers_under_one_cap() -> None:
    Account.objects.update(max_servers=3)
    queues = [make_queue(), make_queue("other")]
    many, few = (make_pool(queue, at) for at, queue in enumerate(queues, 1))

    def plan(pool: Pool, *, jobs: int) -> None:
        show(pool.queue, *[pool.pk.int] * jobs)
        pools.plan_pools([pool.pk])

    plan(many, jobs=9)
    plan(few, jobs=2)
    # It came first, and nobody else asked for anything.
    assert count_servers() == {"pool-1": 3}
    assert "is shared with the pool pool-1." in say_why(few)
    # What gets free is for the other one, whoever looks first.
    Account.objects.update(max_servers=4)
    plan(many, jobs=9)
    assert "is shared with the pool pool-2." in say_why(many)
    plan(few, jobs=2)
    assert count_servers() == {"pool-1": 3, "pool-2": 1}
    # One that can't be created anyway, since nothing is known of its queue, keeps
    # nobody waiting.
    Account.objects.update(max_servers=5)
    Queue.objects.filter(pk=few.queue_id).update(complete=False)
    pools.plan_pools([few.pk])
    plan(many, jobs=9)
    assert count_servers() == {"pool-1": 4, "pool-2": 1}


def test_a_pool_that_has_waited_gets_servers_that_another_one_gives_up() -> None:
    Account.objects.update(max_servers=4)
    queues = [make_queue(), make_queue("other")]
    many, few = (make_pool(queue, at) for at, queue in enumerate(queues, 1))
    show(queues[0], *[1] * 9)
    pools.plan_pools([many.pk])
    Server.objects.update(state="running", ready_at=database_now())
    show(queues[1], 2)
    pools.plan_pools([few.pk])
    show(queues[0], *[1] * 9)
    pools.plan_pools([many.pk])
    assert not Server.objects.filter(cordoned=True).exists()
    memo = Pool.objects.get(pk=few.pk).memo
    assert memo["short_since"]
    memo["short_since"] -= PATIENCE
    Pool.objects.filter(pk=few.pk).update(memo=memo)
    show(queues[0], *[1] * 9)
    pools.plan_pools([many.pk])
    assert Server.objects.filter(cordoned=True).count() == 1
    said = "1 server will get no new jobs: other pools have less than their share"
    assert said in say_why(many)


def test_pools_that_share_a_cap_are_read_with_one_query_more() -> None:
    queues = [make_queue(f"ci-{number}") for number in range(4)]
    made = [make_pool(queues[number % 4], number) for number in range(1, 13)]
    Account.objects.update(max_servers=1)
    provision_servers(Request(count=1))
    found = []
    for planned in (made[:1], made[1:3], made):
        for at, queue in enumerate(queues):
            numbers = [pool.pk.int for pool in planned if pool.pk.int % 4 == at]
            show(queue, *numbers)
        found.append(count_statements(*planned)["SELECT"])
    assert len(set(found)) == 1


def test_a_refusal_is_for_one_pool_and_the_rest_sees_what_led_to_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    queue = make_queue()
    made = [make_pool(queue, number) for number in (1, 2)]
    show(queue, 1, 1, 2, 2)
    Account.objects.update(max_servers=3)
    batch = read_batch([pool.pk for pool in made])
    provision_servers(Request(count=2))  # by somebody else
    monkeypatch.setattr(planner, "read_batch", lambda _: batch)
    pools.plan_pools([pool.pk for pool in made])
    assert "The plan could not be carried out. The account sandbox" in say_why(made[0])
    assert "1 server will be created." in say_why(made[1])
    assert count_servers() == {"pool-2": 1}
    # The same batch again, by another worker: each pool has a fence of its own.
    pools.plan_pools([pool.pk for pool in made])
    assert count_servers() == {"pool-2": 1}


def test_a_fault_is_for_one_pool_and_told() -> None:
    good, bad = make_queue(), make_queue("bad")
    made = [make_pool(good, 1), make_pool(bad, 2), make_pool(bad, 3)]
    broken = make_pool(make_queue("other"), 4)
    for queue in Queue.objects.all():
        show(queue, 1)
    Queue.objects.filter(pk=bad.pk).update(jobs=[["nonsense"]])
    Pool.objects.filter(pk=broken.pk).update(memo={"created": 1})
    planned = pools.plan_pools([pool.pk for pool in (broken, *reversed(made))])
    assert set(planned) == {made[0].pk}
    assert count_servers() == {"pool-1": 1}
    for pool in (*made[1:], broken):
        assert say_why(pool) == planner.FAULT
        after = Pool.objects.get(pk=pool.pk).next_plan_at
        assert after is not None
        assert after > database_now()
    assert CounterRow.objects.get(name=FAILURES, label=FAULT).value == 3


def test_whatever_dies_between_two_pools_leaves_whole_plans(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    queue = make_queue()
    made = [make_pool(queue, number) for number in (1, 2, 3)]
    show(queue, 1, 2, 2, 3)
    calls = []

    def die(request: Request) -> None:
        calls.append(request.count)
        provision_servers(request)
        if len(calls) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(planner, "provision_servers", die)
    with pytest.raises(KeyboardInterrupt):
        pools.plan_pools([pool.pk for pool in made])
    monkeypatch.undo()
    assert calls == [1, 2]
    assert count_servers() == {"pool-1": 1}
    # Its message comes again.
    pools.plan_pools([pool.pk for pool in made])
    assert count_servers() == {"pool-1": 1, "pool-2": 2, "pool-3": 1}


def test_what_takes_long_is_read_again_for_the_rest(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    queue = make_queue()
    made = [make_pool(queue, number) for number in (1, 2, 3)]
    show(queue, 1, 2, 3)
    asked = []

    def note(pks: list[UUID]) -> Any:
        asked.append(len(pks))
        return read_batch(pks)

    monkeypatch.setattr(planner, "read_batch", note)
    monkeypatch.setattr(planner, "FRESH", -1.0)
    assert len(pools.plan_pools([pool.pk for pool in made])) == 3
    assert asked == [3, 2, 1]
    assert count_servers() == {"pool-1": 1, "pool-2": 1, "pool-3": 1}


def test_pools_that_are_due_together_have_one_hint(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue = make_queue()
    made = {make_pool(queue, number).pk for number in range(1, 6)}

    def take_hints() -> list[set[UUID]]:
        hints, workshop.hints = workshop.hints, []
        named = [named for task, named in hints if task == dispatch.PLAN]
        return [set(dispatch.read_rows(each)) for each in named]

    take_hints()
    reconciler.tick()
    assert take_hints() == [made]
    reconciler.tick()
    assert take_hints() == []  # until it looks lost
    kept = prepare_snapshot(Queue.objects.get(), show(queue, 1), database_now())
    follow_snapshot(kept)
    assert take_hints() == [made]
    monkeypatch.setattr(dispatch, "TOGETHER", 2)
    reconciler.tick()
    named = take_hints()
    assert [len(each) for each in named] == [2, 2, 1]
    assert set.union(*named) == made
