"""The lease of a queue: one process at a time calls its CI."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.db.models import F, Q

from servers.models import Queue
from servers.queues.registry import describe_queue_kind
from servers.records.leases import name_process
from servers.records.ledger import database_now

# Longer than one call. If its process dies, the queue is not read for so long.
LEASE: Final = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class Held:
    """A queue under the lease of this process, taken ``at`` this time."""

    queue: Queue
    fence: int
    at: datetime

    def write(self, **values: object) -> bool:
        """Write and extend the lease, unless the queue was claimed or changed since."""
        values.setdefault("lease_until", database_now() + LEASE)
        same = Queue.objects.filter(
            pk=self.queue.pk, fence=self.fence, generation=self.queue.generation
        )
        return bool(same.update(**values))

    def release(self, **values: object) -> bool:
        """Write and end the lease, unless the queue was claimed or changed since."""
        if self.write(lease_until=None, **values):
            return True
        mine = Queue.objects.filter(pk=self.queue.pk, fence=self.fence)
        mine.update(lease_until=None)
        return False


def claim_queue(queue_pk: UUID) -> Held | None:
    """Take the lease of a queue that is read; None if another process holds it."""
    queue = Queue.objects.filter(pk=queue_pk, enabled=True).first()
    if queue is None or describe_queue_kind(queue.kind).is_pushed:
        return None
    now = database_now()
    taken = (
        Queue.objects.filter(pk=queue.pk, fence=queue.fence)
        .filter(Q(lease_until__isnull=True) | Q(lease_until__lte=now))
        .update(fence=F("fence") + 1, lease_until=now + LEASE, lease_by=name_process())
    )
    return Held(queue, queue.fence + 1, now) if taken else None
