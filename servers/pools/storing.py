"""What a queue shows, kept: read or pushed, it is stored, recorded and planned for."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from servers.messaging import dispatch
from servers.models import Pool, Queue
from servers.pools.names import name_servers
from servers.pools.recording import record_changes
from servers.pools.unmatched import describe_unmatched
from servers.queues.base import QueueSnapshot
from servers.queues.counting import name_jobs
from servers.records.snapshots import dump_snapshot, keep_times, load_snapshot


@dataclass(frozen=True, slots=True)
class Kept:
    """A snapshot as it is kept. ``values`` are the fields of the queue."""

    queue: Queue
    before: QueueSnapshot | None
    shown: QueueSnapshot
    now: datetime
    values: Mapping[str, object]


def prepare_snapshot(queue: Queue, shown: QueueSnapshot, now: datetime) -> Kept:
    """Return a snapshot as it is to be kept.

    ``queue`` has what it showed before, and ``now`` is another time for each snapshot.
    """
    before = load_snapshot(queue)
    shown = complete_snapshot(shown, before, now)
    pools = list(Pool.objects.filter(queue=queue).order_by("pk"))
    values = {
        **dump_snapshot(shown, now),
        "counts": Counter(job.state.value for job in shown.jobs),
        "unmatched": describe_unmatched(queue, pools, shown),
    }
    return Kept(queue, before, shown, now, values)


def complete_snapshot(
    shown: QueueSnapshot, before: QueueSnapshot | None, now: datetime
) -> QueueSnapshot:
    """Return a snapshot as it is kept: with the times and names of jobs and servers.

    ``before`` is what the queue showed before. At most one query.
    """
    shown = name_servers(shown)
    jobs = name_jobs(before.jobs if before else (), shown.jobs, now.timestamp())
    return replace(shown, jobs=tuple(keep_times(jobs, before, at=shown.at)))


def follow_snapshot(kept: Kept) -> None:
    """Record the jobs of a snapshot that was written, and have its pools planned.

    Runs in the transaction that wrote it.
    """
    record_changes(kept.queue, kept.before, kept.shown)
    # Read again: one may have been created meanwhile.
    pools = Pool.objects.filter(queue=kept.queue, enabled=True).order_by("pk")
    dispatch.hint_together(dispatch.PLAN, pools.values_list("pk", flat=True))
    pools.update(next_plan_at=kept.now)
