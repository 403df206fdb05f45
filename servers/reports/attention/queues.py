"""Queues that can't be read, and jobs that no pool can run."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Final

from django.db.models import Exists, OuterRef, Q

from servers.access.reach import reach_queues
from servers.models import Pool, Queue
from servers.reports.attention.items import Concern, Item
from servers.wording import count_of

MAX_SHOWN: Final = 20


def describe_queues() -> Iterator[Item]:
    """Yield what is wrong with queues that pools follow. One query."""
    followed = Exists(Pool.objects.filter(queue=OuterRef("pk"), enabled=True))
    rows = reach_queues().filter(followed, enabled=True)
    rows = rows.filter(~Q(problem="") | ~Q(unmatched=[]))
    for queue in rows.only("name", "problem", "answered_at", "unmatched")[:MAX_SHOWN]:
        if queue.problem:
            yield Item(
                Concern.QUEUE,
                f"The queue {queue} can't be read, so its pools change nothing.",
                detail=queue.problem,
                since=queue.answered_at,
                queue=queue.name,
                group=queue.name,
            )
            continue  # what it showed last is old
        for number, sort in enumerate(queue.unmatched):
            yield _describe_sort(queue, number, sort)


def _describe_sort(queue: Queue, number: int, sort: dict[str, Any]) -> Item:
    jobs, waits = count_of(sort["count"], "job"), "waits" * (sort["count"] == 1)
    asked = ", ".join(sort["labels"]) or "no label"
    missing = ", ".join(sort["missing"])
    nearest = f"The nearest pool is {sort['pool']}"
    return Item(
        Concern.UNMATCHED,
        f"{jobs} of the queue {queue} {waits or 'wait'}, and no pool can run "
        f"{'it' if waits else 'them'}: {asked}.",
        tone="warn",
        detail=f"{nearest}, which lacks {missing}." if missing else f"{nearest}.",
        since=datetime.fromtimestamp(sort["since"], UTC),
        queue=queue.name,
        group=f"{queue.name}-{number}",
    )
