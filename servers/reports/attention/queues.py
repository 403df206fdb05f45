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
    return Item(
        Concern.UNMATCHED,
        f"{jobs} of the queue {queue} {waits or 'wait'}, and no pool can run "
        f"{'it' if waits else 'them'}: {asked}.",
        tone="warn",
        detail=" ".join(_explain_nearest(sort)),
        since=datetime.fromtimestamp(sort["since"], UTC),
        queue=queue.name,
        group=f"{queue.name}-{number}",
    )


def _explain_nearest(sort: dict[str, Any]) -> Iterator[str]:
    """Yield what comes nearest, what keeps the jobs from it, and what to do.

    Rows that an older version wrote may lack all but the pool and what is missing.
    """
    missing, demanded = sort["missing"], sort.get("demanded", [])
    template = sort.get("template")
    if template and not sort["pool"]:
        yield from _explain_template(template, missing)
        return
    pool = f"{sort['pool']}{f' with the template {template}' if template else ''}"
    is_disabled = not sort.get("enabled", True)
    if is_disabled and not missing and not demanded:
        yield f"The pool {pool} could, but it is disabled. Enable it."
        return
    yield f"The nearest pool is {pool}{', which is disabled' if is_disabled else ''}."
    if missing:
        yield (
            f"It lacks {_name_labels(missing)}. If its servers have "
            f"{'it' if len(missing) == 1 else 'them'}, add "
            f"{'it' if len(missing) == 1 else 'them'} to the pool, or else create "
            "another pool."
        )
    if demanded:
        yield f"It takes only jobs with {_name_labels(demanded)}."


def _explain_template(template: str, missing: list[str]) -> Iterator[str]:
    if not missing:
        yield (
            f"The template {template} has all that they ask for, but no pool of this "
            "queue uses it. Create a pool from it."
        )
        return
    it = "it" if len(missing) == 1 else "them"
    yield f"The nearest template is {template}, which no pool of this queue uses."
    yield (
        f"It lacks {_name_labels(missing)}. If its servers have {it}, create a pool "
        f"from the template and add {it} there, or else create another template."
    )


def _name_labels(labels: list[str]) -> str:
    return f"the label{'s' * (len(labels) > 1)} {', '.join(labels)}"
