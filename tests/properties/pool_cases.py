"""Any pool, its servers and its jobs, and the rules that no plan for them breaks."""

import os
from dataclasses import replace

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from servers.lifecycle.pools.demand import Demand, Job, JobState
from servers.lifecycle.pools.growth import Bounds, Spent
from servers.lifecycle.pools.members import Cordon, Member, Phase
from servers.lifecycle.pools.memo import Memo
from servers.lifecycle.pools.plan import Plan, Pool
from servers.lifecycle.pools.policy import Policy

EXAMPLES = int(os.environ.get("HYPOTHESIS_EXAMPLES", "25"))


PURE = settings(
    max_examples=EXAMPLES * 8,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)


START = 1_800_000_000.0


TIMES = st.sampled_from([0.0, 1.0, 59.0, 60.0, 300.0, 601.0, 3601.0, 90000.0])


NAMES = st.sampled_from([f"s{number}" for number in range(6)])


@st.composite
def draw_policy(draw: st.DrawFn) -> Policy:
    least = draw(st.integers(0, 4))
    return Policy(
        min=least,
        max=draw(st.integers(least, 8)),
        slots=draw(st.integers(1, 3)),
        spare=draw(st.integers(0, 4)),
        spare_factor=draw(st.sampled_from([0.0, 0.5, 2.0])),
        spare_limit=draw(st.integers(0, 3)),
        idle=draw(TIMES),
        min_age=draw(st.sampled_from([0.0, 300.0])),
        max_age=draw(st.sampled_from([0.0, 3600.0])),
        max_uses=draw(st.integers(0, 2)),
        job_delay=draw(st.sampled_from([0.0, 30.0])),
        burst=draw(st.integers(0, 3)),
        in_flight=draw(st.integers(0, 3)),
        cooldown=draw(st.sampled_from([0.0, 60.0])),
        billing=draw(st.sampled_from([0.0, 3600.0])),
        price=0.1,
        cost_per_hour=draw(st.sampled_from([0.0, 0.35])),
        cost_per_day=draw(st.sampled_from([0.0, 0.35, 5.0])),
    )


@st.composite
def draw_member(draw: st.DrawFn, name: str) -> Member:
    created = START - draw(TIMES)
    phase = draw(st.sampled_from(Phase))
    ready = None if phase is Phase.BOOTING else draw(st.sampled_from([None, created]))
    return Member(
        name,
        phase,
        draw(st.integers(1, 3)),
        created,
        boots_until=created + 600,
        ready_at=created if phase is Phase.READY else ready,
        busy=draw(st.sampled_from([None, 0, 1])),
        used=draw(st.integers(0, 3)),
        cordon=draw(st.sampled_from(Cordon)),
        protected=draw(st.booleans()),
    )


@st.composite
def draw_case(draw: st.DrawFn) -> tuple[Pool, Demand, tuple[Member, ...]]:
    names = draw(st.lists(NAMES, unique=True))
    members = tuple(draw(draw_member(name)) for name in names)
    servers = st.sampled_from(["", "stranger", *names])
    jobs = draw(
        st.lists(
            st.builds(
                Job,
                st.uuids().map(str),
                st.sampled_from(JobState),
                TIMES.map(lambda age: START - age),
                servers,
            ),
            max_size=12,
        )
    )
    demand = Demand(
        START - draw(st.sampled_from([0.0, 0.0, 0.0, 30.0, 60.0, 200.0])),
        tuple(jobs),
        complete=draw(st.integers(0, 9)) > 0,
        paused=draw(st.integers(0, 5)) == 0,
        names_servers=draw(st.booleans()),
        elsewhere=draw(st.integers(0, 3)) == 0,
    )
    past = st.dictionaries(NAMES, TIMES.map(lambda age: START - age), max_size=6)
    memo = Memo(
        seen_at=START - draw(st.sampled_from([45.0, 100.0, 600.0, 900.0])),
        idle_since=draw(past),
        cordoned_at={
            member.name: START - draw(TIMES)
            for member in members
            if member.cordon is Cordon.POOL
        },
        passed_since={
            job.job_id: START - draw(TIMES) for job in jobs if draw(st.booleans())
        },
        created=draw(st.sampled_from([(), ((START - 30, 2),)])),
        created_at=START - draw(TIMES),
        broken_since={name: START - draw(TIMES) for name in names},
        failures=draw(st.integers(0, 4)),
        failed_at=START - draw(TIMES),
    )
    room = draw(st.sampled_from([None, 0, 2]))
    spent = draw(st.sampled_from([Spent(), Spent(0.12), Spent(4.75), Spent(6.0)]))
    if draw(st.integers(0, 9)) == 0:
        spent = Spent(currencies=("EUR", "USD"))
    closed, excess = draw(st.sampled_from(["", "", "closed"])), 0
    if room == 0:
        excess = draw(st.sampled_from([0, 0, 3]))
    bounds = Bounds(room, closed, spent, excess=excess)
    pool = Pool(draw(draw_policy()), memo, bounds, draw(st.integers(0, 5)) == 0)
    return pool, demand, members


@st.composite
def draw_idle_case(draw: st.DrawFn) -> tuple[Pool, Demand, tuple[Member, ...]]:
    """Draw a pool in which servers are cordoned and idle, and one that could go."""
    pool, demand, members = draw(draw_case())
    members = tuple(
        replace(
            member,
            phase=draw(st.sampled_from([Phase.READY, Phase.READY, member.phase])),
            cordon=draw(st.sampled_from([Cordon.POOL, Cordon.POOL, member.cordon])),
            ready_at=member.created_at,
        )
        for member in members
    )
    ages = st.sampled_from([0.0, 30.0, 60.0])
    cordoned = {member.name: demand.at + draw(ages) - 30 for member in members}
    nameless = Job("r", JobState.RUNNING, START)
    jobs = draw(st.sampled_from([(), (nameless,), demand.jobs[:1]]))
    memo = replace(pool.memo, cordoned_at=cordoned, seen_at=0.0)
    policy = replace(pool.policy, min=0, spare=0)
    demand = replace(demand, jobs=jobs, complete=True)
    return replace(pool, policy=policy, memo=memo), demand, members


def check_rules(
    pool: Pool,
    demand: Demand,
    members: tuple[Member, ...],
    planned: Plan,
    now: float,
) -> None:
    policy, by_name = pool.policy, {member.name: member for member in members}
    running = {job.server for job in demand.jobs if job.state is JobState.RUNNING}
    nameless = (running or demand.elsewhere) and not demand.names_servers
    for name in planned.stop:
        member = by_name[name]
        assert not member.protected
        assert not pool.frozen
        if member.phase is Phase.BROKEN:
            since = pool.memo.broken_since[name]
            assert since <= now - policy.keep_broken
            continue
        assert member.cordon is Cordon.POOL
        assert pool.memo.cordoned_at[name] < demand.at
        assert name not in running
        assert not member.busy
        assert not (nameless and member.busy is None)
    for name in planned.cordon:
        assert not by_name[name].protected
        assert by_name[name].cordon is Cordon.NONE
    for name in planned.uncordon:
        assert by_name[name].cordon is Cordon.POOL
    if planned.create:
        assert len(members) + planned.create <= policy.max
        assert pool.bounds.room is None or planned.create <= pool.bounds.room
        recent = sum(n for at, n in pool.memo.created if now - at < 60)
        assert not policy.burst or recent + planned.create <= policy.burst
        if policy.in_flight:
            booting = [m for m in members if m.phase is Phase.BOOTING]
            alive = [m for m in booting if now <= m.boots_until]
            assert len(alive) + planned.create <= policy.in_flight
        if policy.cost_per_hour:
            cost = (len(members) + planned.create) * policy.price
            assert cost <= policy.cost_per_hour + 1e-9
        if policy.cost_per_day:
            assert len(pool.bounds.spent.currencies) < 2
            hour = (len(members) + planned.create) * policy.price
            assert pool.bounds.spent.amount + hour <= policy.cost_per_day + 1e-6
        assert not demand.paused
        assert not pool.bounds.closed
        assert not planned.cordon
    lists = (planned.uncordon, planned.cordon, planned.stop)
    named = [name for each in lists for name in each]
    assert len(named) == len(set(named))
    assert planned.next_at > now or planned.changes
    assert all(sentence.endswith(".") for sentence in planned.why)


def carry_out(
    planned: Plan, members: tuple[Member, ...], now: float, prefix: str = "new"
) -> tuple[Member, ...]:
    """Return the servers after a plan. What is stopped goes on counting for a while."""
    slots = members[0].slots if members else 1
    kept = []
    for member in members:
        if member.name in planned.stop:
            kept.append(replace(member, phase=Phase.ENDING))
        elif member.name in planned.cordon:
            kept.append(replace(member, cordon=Cordon.POOL))
        elif member.name in planned.uncordon:
            kept.append(replace(member, cordon=Cordon.NONE))
        else:
            kept.append(member)
    return (
        *kept,
        *(
            Member(
                f"{prefix}{number}", Phase.BOOTING, slots, now, boots_until=now + 600
            )
            for number in range(planned.create)
        ),
    )
