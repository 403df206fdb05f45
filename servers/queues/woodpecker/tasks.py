"""Tasks of Woodpecker's queue, read as jobs.

Source: woodpecker-ci/woodpecker, server/model/task.go and server/queue/fifo.go, as of
v3.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from servers.lifecycle.pools.demand import JobState
from servers.outgoing import reading
from servers.outgoing.reply import need_text
from servers.queues.base import QueueJob

Task = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Tasks:
    """All tasks of the queue, by the lists that they are in."""

    pending: Sequence[Task]
    waiting: Sequence[Task]  # for other tasks of their pipelines
    running: Sequence[Task]

    def __len__(self) -> int:
        return len(self.pending) + len(self.waiting) + len(self.running)


def read_tasks(
    tasks: Tasks, names: Mapping[str, str], now: float, *, what: str
) -> list[QueueJob]:
    """Return the tasks as jobs. ``names`` are those of the agents, by their ids.

    A task whose agent went silent is pending again, and still has that agent's id. So
    only the list that it is in tells its state. Raises UnknownOutcomeError if a task
    has no id.
    """
    held = _find_held(tasks)
    found = []
    for task in tasks.running:
        server = reading.text(task, "agent_name")
        server = server or names.get(reading.text(task, "agent_id"), "")
        found.append(_read_task(task, JobState.RUNNING, now, what, server))
    for task in tasks.pending:
        state = JobState.HELD if _name(task) in held else JobState.PENDING
        found.append(_read_task(task, state, now, what))
    found += [_read_task(task, JobState.HELD, now, what) for task in tasks.waiting]
    return found


def has_nameless(running: Iterable[Task]) -> bool:
    """Tell whether a task has an agent whose name the queue does not say."""
    return any(
        reading.whole(task, "agent_id") and not reading.text(task, "agent_name")
        for task in running
    )


def _read_task(
    task: Task, state: JobState, now: float, what: str, server: str = ""
) -> QueueJob:
    since = reading.number(task, "created") or 0.0
    number = reading.text(task, "pipeline_number") or reading.text(task, "pipeline_id")
    title = [f"pipeline {number}" if number else "", reading.text(task, "name")]
    return QueueJob(
        job_id=need_text(task, "id", what=what),
        state=state,
        since=min(since, now) if since > 0 else now,
        labels=reading.labels(task, "labels"),
        server=server,
        title=", ".join(filter(None, title)),
    )


def _find_held(tasks: Tasks) -> set[str]:
    """Return the ids of pending tasks that their group's limit holds back.

    Of a group so many run at once as its limit says. Those of earlier pipelines come
    first, even if they still wait for others. Of those that the limit lets through now,
    each but the first ones will find it reached.
    """
    running = Counter(_group(task) for task in tasks.running)
    groups: dict[str, list[tuple[float, str]]] = {}
    own: dict[tuple[str, str], list[tuple[float, str]]] = {}
    for task in sorted((*tasks.pending, *tasks.waiting), key=_order):
        groups.setdefault(_group(task), []).append(_order(task))
        own.setdefault((_group(task), _pipeline(task)), []).append(_order(task))
    granted: Counter[str] = Counter()
    held = set()
    for task in sorted(tasks.pending, key=_order):
        group, limit = _group(task), reading.whole(task, "concurrency_limit")
        if not group or limit <= 0:
            continue
        ahead = bisect_left(groups[group], _order(task))
        ahead -= bisect_left(own[group, _pipeline(task)], _order(task))
        if running[group] + max(ahead, granted[group]) >= limit:
            held.add(_name(task))
        else:
            granted[group] += 1
    return held


def _name(task: Task) -> str:
    return reading.text(task, "id")


def _group(task: Task) -> str:
    return reading.text(task, "concurrency_group")


def _pipeline(task: Task) -> str:
    return reading.text(task, "pipeline_id")


def _order(task: Task) -> tuple[float, str]:
    return reading.number(task, "created") or 0.0, reading.text(task, "name")
