"""A Woodpecker server's queue and agents.

Source: woodpecker-ci/woodpecker, server/api/queue.go, server/api/agent.go,
server/model/task.go and server/queue/fifo.go, as of v3. Before 3.10 tasks have no names
of agents, and before 3.16 no time and no group.
"""

from itertools import count
from typing import Any

from tests.clouds.fakes.wire import Request, Response, route
from tests.queues.fakes.base import QueueFake

NOW = 1_800_000_000
PAGE = 50


class FakeWoodpecker(QueueFake):
    """Tasks by id, in one of three lists, and agents by id."""

    def __init__(self, *, version: tuple[int, int] = (3, 17)) -> None:
        super().__init__()
        self.version = version
        self.lists: dict[str, dict[str, dict[str, Any]]] = {
            "pending": {},
            "waiting_on_deps": {},
            "running": {},
        }
        self.agents: dict[int, dict[str, Any]] = {}
        self.paused = False
        self.workers = 0  # free slots of all agents
        self.ids = count(1)

    def add(self, state: str = "pending", **task: Any) -> str:
        """Put a task in the queue."""
        number = next(self.ids)
        labels = {"repo": "me/app", "org-id": "7", "platform": "linux/amd64"}
        self.lists[state][str(number)] = {
            "id": str(number),
            "pid": 1,
            "name": "build",
            "labels": labels | task.pop("labels", {}),
            "dependencies": None,
            "run_on": None,
            "dep_status": {},
            "agent_id": 0,
            "pipeline_id": number,
            "repo_id": 1,
            "concurrency_limit": 0,
            "concurrency_group": "",
            "created": NOW - 60,
            **task,
        }
        return str(number)

    def connect(self, name: str, **agent: Any) -> int:
        """Register an agent, as one with the server's own token does."""
        number = next(self.ids)
        self.agents[number] = {
            "id": number,
            "name": name,
            "owner_id": -1,
            "org_id": -1,
            "token": "",
            "platform": "linux/amd64",
            "backend": "docker",
            "capacity": 1,
            "no_schedule": False,
            "custom_labels": {},
            **agent,
        }
        return number

    def start(self, task: str, agent: int) -> None:
        """Hand a pending task to an agent."""
        moved = self.lists["pending"].pop(task)
        self.lists["running"][task] = {**moved, "agent_id": agent}

    def resubmit(self, task: str) -> None:
        """Take a task back whose agent went silent. It keeps that agent's id."""
        self.lists["pending"][task] = self.lists["running"].pop(task)

    def refuse(self, why: str, request: Request) -> Response:
        """Answer an error in plain text, as it does."""
        answer = super().refuse(why, request)
        said = {401: "User not authorized", 403: "User not authorized"}
        return Response(answer.status, said.get(answer.status, ""))

    @route("GET", "/api/queue/info", "queue")
    def show_queue(self, _request: Request) -> Response:
        """Show all tasks."""
        shown: dict[str, Any] = {
            name: [self._show(task) for task in tasks.values()]
            for name, tasks in self.lists.items()
        }
        if self.version < (3, 10):
            shown = {name: tasks or None for name, tasks in shown.items()}
        stats = {f"{name}_count": len(tasks) for name, tasks in self.lists.items()}
        stats["worker_count"] = self.workers
        return Response(200, {**shown, "stats": stats, "paused": self.paused})

    def _show(self, task: dict[str, Any]) -> dict[str, Any]:
        shown = dict(task)
        if self.version < (3, 16):
            for name in ("created", "concurrency_limit", "concurrency_group"):
                del shown[name]
        if self.version >= (3, 10):
            agent = self.agents.get(task["agent_id"], {"name": ""})
            shown |= {
                "pipeline_number": task["pipeline_id"] + 100,
                "agent_name": agent["name"],
            }
        return shown

    @route("GET", "/api/agents", "agents")
    def list_agents(self, request: Request) -> Response:
        """Show a page of agents, of at most 50. An empty one is null."""
        page, size = int(request.ask("page", "1")), int(request.ask("perPage", "50"))
        size = size if 1 <= size <= PAGE else PAGE
        shown = list(self.agents.values())[(page - 1) * size : page * size]
        return Response(200, shown or "null")

    @route("PATCH", "/api/agents/{id}", "cordon")
    def change_agent(self, request: Request) -> Response:
        """Change an agent: its name, too, whether it was sent or not."""
        agent = self.agents.get(int(request.params["id"]))
        if agent is None:
            return Response(404)
        given = request.data
        agent["name"] = given.get("name", "")
        agent["no_schedule"] = given.get("no_schedule", False)
        return Response(200, agent)
