"""The port over Woodpecker's ``GET /api/queue/info`` and its agents."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from servers.outgoing import reading
from servers.outgoing.deadline import Deadline
from servers.outgoing.errors import CallError, CredentialsError
from servers.outgoing.fields import Field
from servers.outgoing.reply import Reply, need_text
from servers.outgoing.rest import Query
from servers.queues.answers import need_list
from servers.queues.authorization import ONE_WORD
from servers.queues.base import QueueConfig, QueueSnapshot, check_count
from servers.queues.cordons import Agent, Cordoned, set_cordons
from servers.queues.kind import QueueKind
from servers.queues.opening import open_with_token
from servers.queues.woodpecker.labels import (
    check_labels,
    list_demanded_of_task,
    list_missing_of_task,
    match_task,
)
from servers.queues.woodpecker.tasks import Tasks, has_nameless, read_tasks

NAME: Final = "Woodpecker"
PAGE: Final = 50  # agents; the server shows no more at once
# All that it says to a request without the right for it. It is no JSON.
_REFUSAL: Final = b"User not authorized"
_ADVICE: Final = {
    401: "The token is not valid. Enter one of an administrator.",
    403: "The token's user is not an administrator, and only administrators see the "
    "queue.",
}


class Woodpecker:
    """The queue of one Woodpecker server."""

    def __init__(self, config: QueueConfig) -> None:
        self._client = open_with_token(config, what=NAME, explain=_explain)

    def read(self, *, now: float, deadline: float) -> QueueSnapshot:
        """Return all tasks in the queue.

        ``worker_count`` is not used: it counts the free slots of all agents, whatever
        their labels, and no agents.
        """
        with Deadline(deadline, NAME):
            reply = self._client.ask("GET", "/api/queue/info")
            tasks = Tasks(
                pending=need_list(reply, "pending"),
                waiting=need_list(reply, "waiting_on_deps"),
                running=need_list(reply, "running"),
            )
            check_count(len(tasks), NAME)
            names = {}
            if has_nameless(tasks.running):
                # Servers before 3.10 show their agents' ids alone.
                names = {
                    reading.text(agent, "id"): reading.text(agent, "name")
                    for agent in self._list_agents()
                }
        jobs = tuple(read_tasks(tasks, names, now, what=NAME))
        return QueueSnapshot(now, jobs, paused=reading.truth(reply.data, "paused"))

    def cordon(self, wanted: Mapping[str, bool], *, deadline: float) -> Cordoned:
        """Have agents get no more tasks (``no_schedule``), or get some again."""
        with Deadline(deadline, NAME):
            agents = [
                Agent(
                    need_text(agent, "id", what=NAME),
                    reading.text(agent, "name"),
                    reading.truth(agent, "no_schedule"),
                )
                for agent in self._list_agents()
            ]
            return set_cordons(agents, wanted, self._set_cordon)

    def _set_cordon(self, agent: Agent, is_cordoned: bool) -> None:
        # The name is overwritten, too, with nothing if it is not sent.
        data = {"name": agent.name, "no_schedule": is_cordoned}
        path = self._client.join_path("api", "agents", agent.agent_id)
        self._client.ask("PATCH", path, data=data)

    def _list_agents(self) -> Iterator[dict[str, Any]]:
        page = 1

        def find_next(reply: Reply) -> Query | None:
            nonlocal page
            page += 1
            return {"page": page} if len(need_list(reply)) >= PAGE else None

        for reply in self._client.pages(
            "/api/agents", query={"page": page, "perPage": PAGE}, find_next=find_next
        ):
            yield from need_list(reply)


def _explain(reply: Reply) -> CallError | None:
    if reply.status in _ADVICE and reply.answer.body.strip() == _REFUSAL:
        said = f"{NAME} answered {reply.status}."
        return CredentialsError(f"{said} {_ADVICE[reply.status]}")
    return None


KIND: Final = QueueKind(
    name="woodpecker",
    label=NAME,
    agent="woodpecker",
    open=Woodpecker,
    open_cordons=Woodpecker,
    match=match_task,
    list_missing=list_missing_of_task,
    list_demanded=list_demanded_of_task,
    check_labels=check_labels,
    labels_help=(
        "The labels of this pool's agents: platform, such as linux/amd64, and "
        "your own. They take tasks of all repositories and organizations "
        "unless repo or org-id say otherwise. The value * matches any, and "
        "tasks must have each label whose name begins with !."
    ),
    credentials=(
        Field(
            "token",
            "Token",
            "The personal access token of an administrator: user settings in "
            "Woodpecker.",
            required=True,
            secret=True,
            pattern=ONE_WORD,
            like="eyJhbGciOi.abc",
        ),
    ),
)
