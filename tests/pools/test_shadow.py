"""A dry pool says what it would do, compared with what the queue shows of others."""

from typing import Any

import pytest

from servers import pools
from servers.lifecycle.pools.demand import Demand, Job, JobState
from servers.lifecycle.pools.members import Member, Phase
from servers.lifecycle.pools.memo import Memo, dump_memo, load_memo
from servers.lifecycle.pools.plan import Plan, Pool, plan
from servers.lifecycle.pools.policy import Policy
from servers.lifecycle.pools.shadow import Seen
from servers.models import Pool as PoolRow
from servers.models import PoolPlan, Queue, Server, Template
from servers.operations.pools import save_pool
from servers.operations.queues import save_queue
from servers.records.ledger import database_now
from servers.reports.pool_chart import compare_steps, find_range, load_pool_steps
from tests.clouds.fakes.base import running
from tests.queues.fakes.drone import FakeDrone
from tests.support.fleet import make_fleet
from tests.support.people import log_in, make_person

NOW = 1_800_000_000.0


def ask(
    seen: Seen,
    *,
    waiting: int = 0,
    own: int = 0,
    nameless: int = 0,
    memo: Memo | None = None,
    at: float = NOW,
    **settings: Any,
) -> Plan:
    """Plan a dry pool with two slots a server; ``own`` servers run a job each."""
    members = tuple(
        Member(f"own{n}", Phase.READY, 2, NOW - 7200, ready_at=NOW - 7000, busy=1)
        for n in range(own)
    )
    jobs = [Job(f"p{n}", JobState.PENDING, at) for n in range(waiting)]
    jobs += [Job(f"r{n}", JobState.RUNNING, at) for n in range(nameless)]
    policy = Policy(slots=2, **settings)
    pool = Pool(policy, memo or Memo(), seen=seen)
    demand = Demand(at, tuple(jobs), names_servers=not nameless)
    return plan(pool, demand, members, at)


def read(planned: Plan) -> tuple[Any, ...]:
    return tuple(
        planned.figures.get(name) for name in ("others", "other_servers", "would")
    )


@pytest.mark.pure
@pytest.mark.parametrize(
    ("seen", "given", "found"),
    [
        (Seen(), {}, (0, 0, 0)),
        # As busy as they are: five jobs on one server are five.
        (Seen({"x": 5, "y": 1}), {"waiting": 3}, (6, 2, 5)),
        (Seen({"x": 2, "own0": 1}), {"own": 1}, (2, 1, 2)),
        # Jobs that name no server, and agents that do.
        (Seen({"": 3}), {"nameless": 3}, (3, None, 2)),
        (Seen({"": 3}, {"x": 2, "y": 0}), {"nameless": 3}, (3, 2, 2)),
        (Seen({"": 3}, {"own0": 1, "x": 2}), {"nameless": 3, "own": 1}, (2, 1, 2)),
        (Seen({}, {"x": 4, "y": 0}), {}, (4, 2, 2)),
        (Seen({"x": 6}), {"max": 2}, (6, 1, 2)),
        (Seen({"x": 1}), {"min": 3}, (1, 1, 3)),
        (Seen({"x": 4}), {"spare_factor": 0.5}, (4, 1, 3)),
        (Seen({"x": 4}), {"spare": 4, "spare_limit": 2}, (4, 1, 3)),
    ],
)
def test_servers_of_others_count_as_the_queue_shows_them(
    seen: Seen, given: dict[str, Any], found: tuple[int, int | None, int]
) -> None:
    assert read(ask(seen, **given)) == found


@pytest.mark.pure
def test_it_says_would_and_compares_in_a_sentence() -> None:
    planned = ask(Seen({"x": 2, "y": 1}), waiting=2)
    assert planned.why == (
        "2 waiting jobs; 0 free or booting slots, 0 busy.",
        "1 server would be created.",
        (
            "2 other servers run 3 jobs of this pool. To run all its jobs, this pool "
            "would have 3 servers."
        ),
    )
    assert ask(Seen({"x": 1})).why[-1].startswith("1 other server runs 1 job of")
    said = ask(Seen({"": 2}), nameless=2).why[-1]
    assert said.startswith("Other servers run 2 jobs of this pool.")


@pytest.mark.pure
def test_a_server_that_it_would_have_stays_for_the_idle_time() -> None:
    memo, found = Memo(), []
    for at, jobs in ((0, 8), (100, 2), (200, 4), (301, 0), (501, 0), (502, 0)):
        planned = ask(Seen({"x": jobs} if jobs else {}), memo=memo, at=NOW + at)
        memo = load_memo(dump_memo(planned.memo))
        found.append(planned.figures["would"])
        assert len(memo.needed) <= 3
    assert found == [4, 4, 4, 2, 0, 0]
    live = plan(Pool(Policy(), memo), Demand(NOW + 600, ()), (), NOW + 600)
    assert live.memo.needed == ()
    assert "would" not in live.figures


@pytest.mark.django_db(transaction=True)
def test_a_dry_pool_runs_beside_the_present_autoscaler() -> None:
    make_fleet()
    with running(FakeDrone()) as drone:
        for machine in ("old-1", "old-1", "old-2"):
            drone.add(machine=machine, status="running")
        drone.add(machine="old-3", status="running", os="windows")  # not its job
        for _ in range(3):
            drone.add()
        queue = save_queue(
            Queue(name="ci", kind="drone", url=drone.url),
            credentials={"token": "token-one"},
        )
        pool = save_pool(
            PoolRow(
                name="linux",
                template=Template.objects.get(name="default"),
                queue=queue,
                labels={"os": "linux", "arch": "amd64"},
                dry=True,
            )
        )
        pools.read_queue(queue.pk)
    pools.plan_pools([pool.pk])
    pools.plan_pools([pool.pk])
    pool.refresh_from_db()
    assert not Server.objects.exists()
    assert not PoolPlan.objects.filter(changed=True).exists()
    assert pool.why[1:] == [
        "2 servers would be created.",
        (
            "2 other servers run 3 jobs of this pool. To run all its jobs, this pool "
            "would have 3 servers."
        ),
    ]
    chosen = find_range("1h")
    steps = load_pool_steps(pool, chosen, now=database_now())
    found = compare_steps(steps, chosen)
    assert found is not None
    assert (found.others, found.would) == (2, 3)
    assert steps[-1].demand == 6
    text = log_in(make_person("viewer")).get("/pools/linux/").content.decode()
    assert "<strong>6</strong> <span>demand: 3 waiting, 3 running</span>" in text
    part = text[text.index('id="dry-run"') : text.index('id="over-time"')]
    assert '<td class="number">2</td><td class="number">2.0</td>' in part
    assert '<td class="number">3</td><td class="number">3.0</td>' in part
    assert 'class="would"' in part
    PoolRow.objects.update(dry=False)
    text = log_in(make_person("operator")).get("/pools/linux/").content.decode()
    assert 'id="dry-run"' not in text
