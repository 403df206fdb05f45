"""A preview says what the planner would do now, beside all other pools."""

from dataclasses import replace

import pytest

from servers import pools
from servers.lifecycle.pools.demand import JobState
from servers.models import Account, Pool, Queue, Server
from servers.pools.preview import preview_plan
from servers.pools.storing import prepare_snapshot
from servers.queues.base import QueueJob, QueueSnapshot
from servers.records.ledger import database_now
from tests.pools.numbered import make_pool, make_queue, show
from tests.support.fleet import make_fleet

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def fleet() -> Account:
    return make_fleet()


def load(pool: Pool) -> Pool:
    return Pool.objects.select_related("queue", "template").get(pk=pool.pk)


def test_a_preview_is_the_plan_that_the_pool_then_makes() -> None:
    Account.objects.update(max_servers=5)
    queues = [make_queue(), make_queue("other")]
    made = [make_pool(queues[at // 2], at + 1) for at in range(3)]
    show(queues[1], 3, 3, 3, 3)
    pools.plan_pools([made[2].pk])
    assert Server.objects.count() == 4
    Account.objects.update(max_servers=6)
    shown = show(queues[0], 1, 1, 1, 2)
    planned = [preview_plan(load(pool), shown) for pool in made[:2]]
    assert not Server.objects.exclude(pool=made[2]).exists()
    assert [each.create for each in planned] == [1, 1]
    said = "2 more servers would be needed, but what a server limit leaves is shared"
    assert f"{said} with the pool pool-2." in planned[0].why[-1]
    pools.plan_pools([pool.pk for pool in made[:2]])
    for pool, each in zip(made, planned, strict=False):
        assert Server.objects.filter(pool=pool).count() == each.create
        assert load(pool).why == list(each.why)


def test_a_preview_knows_what_pools_of_other_queues_lack() -> None:
    Account.objects.update(max_servers=1)
    queues = [make_queue(), make_queue("other")]
    first, second = (make_pool(queue, at) for at, queue in enumerate(queues, 1))
    show(queues[0], 1, 1)
    pools.plan_pools([first.pk])
    shown = show(queues[1], 2)
    planned = preview_plan(load(second), shown)
    assert "is shared with the pool pool-1." in planned.why[-1]
    # One that was never saved has no servers: what gets free is for it.
    Account.objects.update(max_servers=2)
    unsaved = Pool(
        name="new",
        template=second.template,
        queue=load(second).queue,
        labels={**second.labels, "label.n": "3"},
        policy={"max": 5},
    )
    assert preview_plan(unsaved, replace(shown, jobs=())).create == 0
    assert preview_plan(unsaved, show(queues[1], 3)).create == 1


def test_what_moves_to_a_new_pool_is_asked_for_once() -> None:
    Account.objects.update(max_servers=3)
    queue = make_queue()
    old = make_pool(queue, 1)
    shown = show(queue, 1, 1, 1)
    new = Pool(
        name="new",
        template=old.template,
        queue=load(old).queue,
        labels=old.labels,
        policy={"max": 5},
        priority=1,
    )
    assert preview_plan(load(old), shown).create == 3
    assert preview_plan(new, shown).create == 3


def test_a_preview_sees_all_that_the_queue_says_besides_its_jobs() -> None:
    queue = make_queue()
    pool = load(make_pool(queue, 1))
    now = database_now()
    labels = {"os": "linux", "label.n": "1"}
    # A CI that only counts its jobs, and does not say where they run.
    jobs = (QueueJob("", JobState.RUNNING, now.timestamp(), labels),) * 3
    counted = QueueSnapshot(now.timestamp(), jobs, names_servers=False)
    assert "3 busy" not in preview_plan(pool, counted).why[0]  # it has no server
    waiting = replace(show(queue, 1), paused=True)
    assert "but the queue is paused." in preview_plan(pool, waiting).why[-1]
    part = replace(waiting, complete=False)
    assert "only a part of its jobs" in preview_plan(pool, part).why[0]
    Pool.objects.update(dry=True)
    kept = prepare_snapshot(Queue.objects.get(), counted, now)
    dry = preview_plan(load(pool), counted)
    assert len(kept.shown.jobs) == 3
    assert "3 jobs" in dry.why[-1]


def test_a_preview_of_what_is_disabled_says_that_nothing_happens() -> None:
    queue = make_queue()
    pool = make_pool(queue, 1)
    shown = show(queue, 1)
    assert "disabled" not in " ".join(preview_plan(load(pool), shown).why)
    Queue.objects.update(enabled=False)
    said = "The queue is disabled, so nothing happens yet."
    assert preview_plan(load(pool), shown).why[-1] == said
    Pool.objects.update(enabled=False)
    said = "The pool is disabled, so nothing happens yet."
    assert preview_plan(load(pool), shown).why[-1] == said
