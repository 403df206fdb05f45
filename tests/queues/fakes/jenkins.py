"""A Jenkins controller: its queue, its nodes, and why an item waits.

Source: jenkinsci/jenkins: hudson/model/Queue.java (the exported fields and
BuildableItem.getCauseOfBlockage), Computer.java, Executor.java, and
Messages.properties; and workflow-durable-task-step's ExecutorStepExecution.java for the
steps of pipelines, which export no label.
"""

from base64 import b64decode
from dataclasses import dataclass, field
from itertools import count
from typing import Any, ClassVar

from tests.clouds.fakes.wire import Request, Response, route
from tests.queues.fakes.base import QueueFake

NOW = 1_800_000_000
STEP = (
    "org.jenkinsci.plugins.workflow.support.steps.ExecutorStepExecution$PlaceholderTask"
)
FREESTYLE = "hudson.model.FreeStyleProject"
PIPELINE = "org.jenkinsci.plugins.workflow.job.WorkflowJob"
_ENGLISH = {
    "offline": "All nodes of label ‘{}’ are offline",
    "none": "There are no nodes with the label ‘{}’",
    "node_offline": "‘{}’ is offline",
    "busy": "Waiting for next available executor on ‘{}’",
    "free": "Waiting for next available executor",
}
_GERMAN = {
    **_ENGLISH,
    "none": "Es gibt keine Knoten mit dem Label „{}“",
    "busy": "Warte auf den nächsten freien Build-Prozessor auf {}",
    "free": "Warte auf den nächsten freien Build-Prozessor",
}


@dataclass
class Node:
    """An agent: its labels, its executors, and what they run."""

    name: str
    labels: tuple[str, ...] = ()
    executors: int = 1
    online: bool = True
    runs: list[dict[str, Any]] = field(default_factory=list)

    def fits(self, label: str) -> bool:
        """Tell whether it has all labels of ``a && b``."""
        return {each.strip() for each in label.split("&&")} <= {*self.labels, self.name}


class FakeJenkins(QueueFake):
    """Items by id, and nodes by name."""

    marks: ClassVar = {"X-Jenkins": "2.504.1"}

    def __init__(self) -> None:
        super().__init__()
        self.ids = count(1)
        self.items: dict[int, dict[str, Any]] = {}
        self.nodes: dict[str, Node] = {}
        self.quiet = False
        self.german = False  # whatever is asked for, as the plugin *locale* does

    def read_token(self, request: Request) -> str:
        """Return the API token: the password of Basic."""
        sent = request.headers.get("authorization", "").removeprefix("Basic ")
        try:
            return b64decode(sent).decode().partition(":")[2]
        except ValueError:
            return ""

    def add_node(self, name: str, *labels: str, **more: Any) -> Node:
        """Add a node."""
        self.nodes[name] = Node(name, labels, **more)
        return self.nodes[name]

    def add(self, label: str = "", *, task: str = STEP, **more: Any) -> int:
        """Put an item in the queue. ``because`` is a plugin's reason."""
        number = next(self.ids)
        since = (NOW - 60) * 1000
        self.items[number] = {"label": label, "task": task, "since": since, **more}
        return number

    def start(self, number: int, node: Node) -> None:
        """Let an executor of a node run an item."""
        item = self.items.pop(number)
        run = {
            "_class": "hudson.model.FreeStyleBuild",
            "url": f"{self.url}/job/app/{number}/",
            "fullDisplayName": f"app #{number}",
            "timestamp": (NOW - 5) * 1000,
        }
        if item["task"] != STEP:
            run["queueId"] = number
        node.runs.append(run)

    @route("GET", "/queue/api/json", "queue")
    def show_queue(self, request: Request) -> Response:
        """Show the items that a tree of fields asks for."""
        assert request.ask("tree").startswith("items[")
        english = request.headers.get("accept-language", "").startswith("en")
        words = _ENGLISH if english and not self.german else _GERMAN
        shown = [self._show(number, words) for number in self.items]
        return Response(200, {"_class": "hudson.model.Queue", "items": shown})

    def _show(self, number: int, words: dict[str, str]) -> dict[str, Any]:
        item = self.items[number]
        task = {"_class": item["task"], "name": "app"}
        if item["task"] == FREESTYLE:
            task["labelExpression"] = item["label"] or None
        buildable = item.get("buildable", True)
        return {
            "_class": "hudson.model.Queue$BuildableItem",
            "id": number,
            "inQueueSince": item["since"],
            "why": item.get("because") or self._explain(item["label"], words),
            "buildable": buildable,
            "pending": item.get("pending", False),
            "task": task,
        }

    def _explain(self, label: str, words: dict[str, str]) -> str:
        """Say why a buildable item waits. It names a label only if there are nodes."""
        if not label or not self.nodes:
            return words["free"]
        fit = [node for node in self.nodes.values() if node.fits(label)]
        online = [node for node in fit if node.online]
        if not online:
            if len(fit) == 1:
                return words["node_offline"].format(fit[0].name)
            return words["offline" if fit else "none"].format(label)
        return words["busy"].format(fit[0].name if len(fit) == 1 else label)

    @route("GET", "/computer/api/json", "computers")
    def show_computers(self, request: Request) -> Response:
        """Show all nodes and their executors."""
        assert request.ask("tree").startswith("computer[")
        built_in = Node("Built-In Node", ("built-in",), executors=0)
        shown = [
            self._show_node(node, "hudson.slaves.SlaveComputer")
            for node in self.nodes.values()
        ]
        first = self._show_node(built_in, "hudson.model.Hudson$MasterComputer")
        return Response(200, {"computer": [first, *shown]})

    def _show_node(self, node: Node, kind: str) -> dict[str, Any]:
        left = node.executors - len(node.runs)
        executors = [
            *({"idle": False, "currentExecutable": run} for run in node.runs),
            *[{"idle": True, "currentExecutable": None}] * left,
        ]
        names = [{"name": name} for name in (*node.labels, node.name)]
        return {
            "_class": kind,
            "displayName": node.name,
            "assignedLabels": names,
            "executors": executors,
            "oneOffExecutors": [],
        }

    @route("GET", "/api/json", "top")
    def show_top(self, request: Request) -> Response:
        """Show whether it is about to shut down."""
        return Response(
            200, {"_class": "hudson.model.Hudson", "quietingDown": self.quiet}
        )
