"""What other settings would have meant for a pool, over the record of its jobs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from django.conf import settings
from django.db.models import Count, Q

from servers.lifecycle.pools.policy import Policy, check_policy
from servers.lifecycle.replay.measure import Measure, find_percentile, measure
from servers.lifecycle.replay.planners import PolicyPlanner
from servers.lifecycle.replay.trace import TracedJob
from servers.lifecycle.replay.world import Cloud, World
from servers.lifecycle.states import Outcome
from servers.models import Attempt, Pool, PoolJob
from servers.operations.pools import read_policy
from servers.queues.registry import read_poll
from servers.records.boots import LATELY, UNKNOWN_BOOT, read_boots

MAX_DAYS: Final = 30
# Each policy takes about a tenth of a millisecond a job.
MAX_JOBS: Final = 100_000
# A boot that takes longer has failed.
_LONGEST_BOOT: Final = timedelta(minutes=30)
# The settings that can be varied, and their values.
VARIED: Final[Mapping[str, tuple[float, ...]]] = {
    "idle": (60.0, 180.0, 300.0, 600.0, 1200.0, 3300.0),
    "min": (0, 1, 2, 4, 8),
    "spare": (0, 1, 2, 4, 8),
    "slots": (1, 2, 4, 8),
}


@dataclass(frozen=True, slots=True)
class Record:
    """What a pool's policies are replayed over."""

    jobs: Sequence[TracedJob]
    cloud: Cloud
    poll: float  # seconds between two reads of the queue
    boots: int  # how many boots the share of failed ones is from
    is_measured: bool  # whether the boot time is known, and not assumed
    # How long the jobs waited in fact, in seconds, whoever ran them.
    mean: float = 0.0
    p95: float = 0.0


@dataclass(frozen=True, slots=True)
class Point:
    """What one policy would have meant. ``changes`` is how it differs from today's."""

    changes: dict[str, float]
    found: Measure
    cost: float | None  # of the servers, if an hour's price is known

    @property
    def is_present(self) -> bool:
        """Whether it is the pool's policy as it is."""
        return not self.changes


def read_record(
    pool: Pool, *, now: datetime, days: float, most: int = MAX_JOBS
) -> Record:
    """Return a pool's newest jobs, and how its template's servers boot. Four queries.

    Jobs that still run, or that nobody saw run, are left out.
    """
    rows = list(
        PoolJob.objects.filter(pool=pool, queued_at__gte=now - timedelta(days=days))
        .filter(started_at__isnull=False, ended_at__isnull=False)
        .order_by("-queued_at")
        .values_list("queued_at", "started_at", "ended_at")[:most]
    )
    jobs = [
        TracedJob(queued.timestamp(), max(0.0, (ended - started).total_seconds()))
        for queued, started, ended in rows
        if started and ended
    ]
    boots = read_boots(now=now, template=pool.template_id).get(pool.template_id)
    failed, count = _count_failures(pool, now)
    usual = boots.usual if boots else None
    boot = UNKNOWN_BOOT.total_seconds() if usual is None else usual
    cloud = Cloud(
        boot=boot,
        # The deadline may have been another one when the boots were measured.
        deadline=max(settings.BOOT_DEADLINE, boot),
        failing=failed / count if count else 0.0,
        slots=pool.template.capacity,
    )
    poll = max(1.0, read_poll(pool.queue.kind, pool.queue.options))
    waits = sorted(
        max(0.0, (started - queued).total_seconds())
        for queued, started, _ in rows
        if started
    )
    return Record(
        jobs[::-1],
        cloud,
        poll,
        boots=count,
        is_measured=usual is not None,
        mean=sum(waits) / len(waits) if waits else 0.0,
        p95=find_percentile(waits, 95),
    )


def _count_failures(pool: Pool, now: datetime) -> tuple[int, int]:
    """Return how many of the template's instances never became ready, and of how many.

    Of those that were created lately, and have had the time to boot.
    """
    since, until = now - LATELY, now - _LONGEST_BOOT
    found = Attempt.objects.filter(
        recipe__template=pool.template_id,
        outcome=Outcome.ACCEPTED,
        asked_at__range=(since, until),
    ).aggregate(count=Count("pk"), failed=Count("pk", filter=Q(ready_at=None)))
    return found["failed"], found["count"]


def list_changes(policy: Policy, vary: str) -> list[dict[str, float]]:
    """Return how policies differ from the present one, which is the first.

    ``vary`` is one of VARIED. Values that the rest of the policy does not allow are
    left out.
    """
    return [{}] + [
        {vary: value}
        for value in VARIED[vary]
        if value != getattr(policy, vary)
        and not check_policy(_change(policy, {vary: value}))
    ]


def _change(policy: Policy, changes: Mapping[str, float]) -> Policy:
    return replace(policy, **changes)  # type: ignore[arg-type]


def read_setting(pool: Pool, name: str) -> float:
    """Return the present value of a setting that can be varied."""
    policy = read_policy(pool.policy, slots=pool.template.capacity)
    return float(getattr(policy, name))


def draw_curve(pool: Pool, record: Record, vary: str) -> list[Point]:
    """Replay a record under the pool's policy, and with other values of one setting.

    Servers with more ``slots`` cost as much more. No query.
    """
    policy = read_policy(pool.policy, slots=record.cloud.slots)
    points = []
    for changes in list_changes(policy, vary):
        changed = _change(policy, changes)
        price = policy.price * changed.slots / policy.slots
        changed = replace(changed, price=price)
        world = World(record.jobs, replace(record.cloud, slots=changed.slots))
        found = measure(world.run({"": PolicyPlanner(changed)}, tick=record.poll))
        points.append(Point(changes, found, found.hours * price if price else None))
    return points
