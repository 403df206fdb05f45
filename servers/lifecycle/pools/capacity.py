"""What a pool has and what its queue needs, counted once for a plan."""

import math
from dataclasses import dataclass, field
from typing import Final

from servers.lifecycle.pools.demand import Demand, Job, JobState
from servers.lifecycle.pools.members import Cordon, Member, Phase
from servers.lifecycle.pools.memo import Memo
from servers.lifecycle.pools.policy import HOUR, Policy

# After as long, a job that was passed over counts again: what it waited for may have
# come, and it must not wait for ever.
RECONSIDER: Final = HOUR
MAX_PASSED: Final = 1000  # jobs that are remembered as passed over


@dataclass(slots=True)
class Capacity:
    """What the plan knows. Slots count only on servers that may take a new job."""

    total: int = 0  # servers that are not proven gone
    booting: int = 0
    good: list[Member] = field(default_factory=list)  # booting or ready, not cordoned
    cordoned: list[Member] = field(default_factory=list)  # by the pool, and ready
    free: int = 0  # slots of the good
    idle: int = 0  # and of those, the slots of ready ones
    busy: int = 0  # slots that run a job
    hidden: int = 0  # jobs that may run on cordoned servers, or on those of others
    jobs: dict[str, int] = field(default_factory=dict)  # that a server runs
    waiting: int = 0  # jobs that count
    held: int = 0
    passed: int = 0  # jobs that wait although slots are free
    passed_since: dict[str, float] = field(default_factory=dict)
    due_at: float = math.inf  # when a job that does not count yet will
    spare: int = 0  # slots to keep free

    @property
    def want(self) -> int:
        """How many slots should be free or booting."""
        return self.waiting + self.spare

    def count_jobs(self, member: Member) -> int:
        """Return how many jobs a server runs, as far as anybody says."""
        return self.jobs.get(member.name, 0)


def count_capacity(
    policy: Policy, memo: Memo, demand: Demand, members: tuple[Member, ...], now: float
) -> Capacity:
    """Count the servers, their slots and the jobs."""
    found = Capacity(total=len(members))
    _count_running(found, demand, members)
    ready_free, doubtful = _count_slots(found, members, now)
    if not demand.names_servers:
        # Jobs run on servers that nobody names. Slots of ready ones may not be free,
        # and what runs beside them runs on servers of others.
        nameless = sum(job.state is JobState.RUNNING for job in demand.jobs)
        found.hidden = max(0, nameless - found.busy)
        hidden = min(found.hidden, doubtful)
        found.hidden -= hidden
        found.busy += hidden
        found.free -= hidden
        ready_free -= hidden
    found.idle = ready_free
    _count_waiting(found, policy, memo, demand.jobs, ready_free, now)
    factored = math.ceil(policy.spare_factor * found.busy)
    found.spare = max(policy.spare, factored)
    if policy.spare_limit:
        found.spare = min(found.spare, policy.spare_limit)
    return found


def _count_slots(
    found: Capacity, members: tuple[Member, ...], now: float
) -> tuple[int, int]:
    """Count servers and free slots.

    Return the free slots of those that are ready, and how many of these may run a job
    that names no server: not those of a server whose agent says that it is idle.
    """
    ready_free = doubtful = 0
    for member in members:
        phase = member.phase
        if phase is Phase.BROKEN or phase is Phase.ENDING:
            continue
        if phase is Phase.BOOTING:
            if now > member.boots_until:
                continue
            found.booting += 1
        if member.cordon is Cordon.POOL:
            found.cordoned.append(member)
        elif member.cordon is Cordon.NONE:
            found.good.append(member)
            free = member.slots - found.jobs.get(member.name, 0)
            if free > 0:
                found.free += free
                if phase is Phase.READY:
                    ready_free += free
                    doubtful += free if member.busy != 0 else 0
    return ready_free, doubtful


def _count_running(
    found: Capacity, demand: Demand, members: tuple[Member, ...]
) -> None:
    """Count the jobs of each server. Those on servers of others are no concern."""
    named: dict[str, int] = {}
    for job in demand.jobs:
        if job.server and job.state is JobState.RUNNING:
            named[job.server] = named.get(job.server, 0) + 1
    for member in members:
        running = named.get(member.name, 0)
        if member.busy is not None and member.busy > running:
            running = member.busy
        if running:
            found.jobs[member.name] = running
            found.busy += running
    if not demand.names_servers:
        # Unless all are idle, anyone may be the busy one.
        unknown = demand.elsewhere or any(
            job.state is JobState.RUNNING for job in demand.jobs
        )
        for member in members:
            if unknown and member.busy is None and member.phase is Phase.READY:
                found.jobs.setdefault(member.name, 0)


def _count_waiting(
    found: Capacity,
    policy: Policy,
    memo: Memo,
    jobs: tuple[Job, ...],
    ready_free: int,
    now: float,
) -> None:
    """Count the jobs that need a slot, and those that have been passed over."""
    # The common case, in which no job can have been passed over, has to be quick.
    may_pass = bool(policy.passed_over and (ready_free or memo.passed_since))
    for job in jobs:
        if job.state is not JobState.PENDING:
            found.held += job.state is JobState.HELD
            continue
        counts_at = job.since + policy.job_delay
        if now < counts_at:
            found.due_at = min(found.due_at, counts_at)
            continue
        if may_pass and _is_passed(found, policy, memo, job, ready_free, now):
            found.passed += 1
        else:
            found.waiting += 1


def _is_passed(
    found: Capacity,
    policy: Policy,
    memo: Memo,
    job: Job,
    ready_free: int,
    now: float,
) -> bool:
    """Tell whether a job has been waiting beside free slots for too long.

    Such a job fits none of the servers, whatever its labels say: more of them would not
    help it.
    """
    since = memo.passed_since.get(job.job_id)
    if since is not None and now - since >= policy.passed_over + RECONSIDER:
        since = None
    over = since is not None and now - since >= policy.passed_over
    if since is None and ready_free:
        since = now
    if since is not None and (over or ready_free):
        if len(found.passed_since) < MAX_PASSED:
            found.passed_since[job.job_id] = since
        found.due_at = min(found.due_at, since + policy.passed_over + RECONSIDER)
        if not over:
            found.due_at = min(found.due_at, since + policy.passed_over)
    return over
