"""Items of Jenkins's queue and what its executors run, read as jobs.

The queue does not show an item's label. A job of the kind *freestyle* and its likes
show their own expression. Of all others it stands only in the sentence that says why
the item waits. Three things make that sentence worth less than it seems:

- If only one node has the label, it names the node instead. A node's own name is such
  a label, too.
- Without any node, it names no label at all.
- It is in the language of the one who asks, so English is asked for.

Source: jenkinsci/jenkins, hudson/model/Queue.java (BuildableItem.getCauseOfBlockage),
hudson/model/queue/CauseOfBlockage.java and hudson/model/Messages.properties.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from servers.lifecycle.pools.demand import JobState
from servers.outgoing import reading
from servers.outgoing.reply import need_text
from servers.queues.base import Labels, QueueJob

Data = Mapping[str, Any]

# These occupy no executor: they only start what does.
_FLYWEIGHT: Final = frozenset({"WorkflowJob", "MatrixProject"})
_CONTROLLER: Final = "MasterComputer"
_OPEN, _CLOSE = "[‘'“\"]?", "[’'”\"]?"
_LABELLED: Final = (
    re.compile(f"Waiting for next available executor on {_OPEN}(.+?){_CLOSE}"),
    re.compile(f"There are no nodes with the label {_OPEN}(.+?){_CLOSE}"),
    re.compile(f"All nodes of label {_OPEN}(.+?){_CLOSE} are offline"),
    re.compile(f"{_OPEN}(.+?){_CLOSE} is offline"),
    re.compile(f".+ doesn[’']t have label {_OPEN}(.+?){_CLOSE}"),
)
_UNLABELLED: Final = (
    re.compile("Waiting for next available executor"),
    re.compile(".+ is reserved for jobs with matching label expression"),
    re.compile(".+ is not accepting tasks"),
    re.compile(".+ lacks permission to run on .+"),
)


@dataclass(frozen=True, slots=True)
class Nodes:
    """The labels of each node, without its own name, by that name.

    ``unlabelled`` is the label expression of what waits while there is no node but the
    controller: then no label is told.
    """

    labels: Mapping[str, Sequence[str]]
    unlabelled: str = ""

    @classmethod
    def read(cls, computers: Sequence[Data], unlabelled: str) -> "Nodes":
        """Return the nodes of ``/computer/api/json``."""
        found, alone = {}, True
        for computer in computers:
            name = reading.text(computer, "displayName")
            kind = reading.text(computer, "_class")
            alone = alone and kind.endswith(_CONTROLLER)
            labels = [
                reading.text(each, "name")
                for each in reading.objects(computer, "assignedLabels")
            ]
            found[name] = [each for each in labels if each not in {"", name}]
        return cls(found, unlabelled if alone else "")

    def find_labels(self, name: str) -> Sequence[str]:
        """Return the labels that a reason means by a name.

        If only one node has a label, the reason names the node instead. If other nodes
        have the name as a label, the label is meant. A node without labels is asked for
        by its name.
        """
        others = any(name in labels for labels in self.labels.values())
        own = () if others else self.labels.get(name)
        return own or (name,)


def read_running(computers: Sequence[Data], now: float) -> Iterator[QueueJob]:
    """Yield what the executors of all nodes run."""
    for computer in computers:
        server = need_text(computer, "displayName", what="Jenkins")
        for kind in ("executors", "oneOffExecutors"):
            for position, executor in enumerate(reading.objects(computer, kind)):
                if not reading.truth(executor, "idle"):
                    place = f"{server}/{kind}/{position}"
                    yield _read_executor(executor, server, place, now)


def _read_executor(executor: Data, server: str, place: str, now: float) -> QueueJob:
    """Return what an executor runs. Whoever may not read the job sees nothing of it."""
    run = reading.fields(executor, "currentExecutable")
    number = reading.whole(run, "queueId")
    return QueueJob(
        job_id=str(number) if number > 0 else f"{place} {reading.text(run, 'url')}",
        state=JobState.RUNNING,
        since=_read_time(run, "timestamp", now),
        labels={},
        server=server,
        title=reading.text(run, "fullDisplayName"),
    )


def read_item(item: Data, nodes: Nodes, now: float) -> QueueJob:
    """Return an item of the queue as a job."""
    task = reading.fields(item, "task")
    flyweight = reading.text(task, "_class").rpartition(".")[2] in _FLYWEIGHT
    needs = reading.truth(item, "buildable") and not flyweight
    labels: Labels = {}
    if needs:
        labels = _find_labels(task, reading.text(item, "why"), nodes)
    return QueueJob(
        job_id=need_text(item, "id", what="Jenkins"),
        state=JobState.PENDING if needs else JobState.HELD,
        since=_read_time(item, "inQueueSince", now),
        labels=labels,
        title=reading.text(task, "name"),
    )


def is_starting(item: Data) -> bool:
    """Tell whether an item has an executor already, which counts as busy."""
    return reading.truth(item, "pending")


def _find_labels(task: Data, why: str, nodes: Nodes) -> Labels:
    if expression := reading.text(task, "labelExpression").strip():
        return {expression: ""}
    parts = why.split("; ")
    for part in parts:
        for pattern in _LABELLED:
            if found := pattern.fullmatch(part.strip()):
                return dict.fromkeys(nodes.find_labels(found[1]), "")
    if any(each.fullmatch(part.strip()) for part in parts for each in _UNLABELLED):
        return {nodes.unlabelled: ""} if nodes.unlabelled else {}
    # A plugin's reason, or another language. No pool has such a label, so people are
    # told, and no server is created in vain.
    return {f"unknown: {why[:80]}": ""}


def _read_time(data: Data, name: str, now: float) -> float:
    milliseconds = reading.number(data, name) or 0.0
    return min(milliseconds / 1000, now) if milliseconds > 0 else now
