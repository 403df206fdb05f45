"""The port over Jenkins's ``/queue``, ``/computer`` and ``/api/json``."""

from typing import Final

from servers.outgoing import reading
from servers.outgoing.deadline import Deadline
from servers.outgoing.errors import CallError, CredentialsError, UnknownOutcomeError
from servers.outgoing.fields import Field
from servers.outgoing.reply import Reply
from servers.outgoing.rest import RestClient
from servers.queues.authorization import ONE_WORD, read_token, write_basic
from servers.queues.base import QueueConfig, QueueSnapshot, check_count
from servers.queues.jenkins.items import Nodes, is_starting, read_item, read_running
from servers.queues.jenkins.labels import (
    check_labels,
    list_missing_of_item,
    match_item,
)
from servers.queues.kind import QueueKind

NAME: Final = "Jenkins"
_RUN: Final = "currentExecutable[url,fullDisplayName,timestamp,queueId]"
_QUEUE: Final = (
    "items[id,buildable,pending,why,inQueueSince,task[name,labelExpression]]"
)
_COMPUTERS: Final = (
    f"computer[displayName,assignedLabels[name],executors[idle,{_RUN}],"
    f"oneOffExecutors[idle,{_RUN}]]"
)
_ADVICE: Final = {
    401: "The user or the API token is not valid.",
    403: "The user may not read the queue and the nodes.",
}


class Jenkins:
    """The queue of one Jenkins controller."""

    def __init__(self, config: QueueConfig) -> None:
        user = config.credentials.get("user", "")
        token = read_token(config.credentials)
        basic = write_basic(user, token)
        # The reasons in the queue are read, so they must be in English.
        headers = {"Authorization": basic, "Accept-Language": "en"}
        secrets = (token, basic.partition(" ")[2])
        self._client = RestClient(NAME, config.url, headers, secrets, _explain)
        self._unlabelled = str(config.options.get("unlabelled", "")).strip()

    def read(self, *, now: float, deadline: float) -> QueueSnapshot:
        """Return the items of the queue, and what the executors run.

        Items of jobs that the user may not read are not shown, and nothing tells.
        """
        with Deadline(deadline, NAME):
            # The queue first: an item that starts meanwhile is seen twice, not never.
            queue = self._ask("/queue/api/json", _QUEUE)
            computers = self._ask("/computer/api/json", _COMPUTERS)
            top = self._ask("/api/json", "quietingDown")
        items = queue.need_objects("items")
        nodes = computers.need_objects("computer")
        check_count(len(items), NAME)
        running = list(read_running(nodes, now))
        check_count(len(items) + len(running), NAME)
        quiet = reading.find(top.data, "quietingDown")
        if not isinstance(quiet, bool):
            raise UnknownOutcomeError(f"{NAME} answered without quietingDown.")
        started = {job.job_id for job in running}
        labels = Nodes.read(nodes, self._unlabelled)
        waiting = [
            job
            for item in items
            if not is_starting(item)
            if (job := read_item(item, labels, now)).job_id not in started
        ]
        return QueueSnapshot(now, (*waiting, *running), paused=quiet)

    def _ask(self, path: str, tree: str) -> Reply:
        return self._client.ask("GET", path, query={"tree": tree})


def _explain(reply: Reply) -> CallError | None:
    # Jenkins marks all of its answers, also the HTML ones.
    if reply.status in _ADVICE and "X-Jenkins" in reply.headers:
        return CredentialsError(
            f"{NAME} answered {reply.status}. {_ADVICE[reply.status]}"
        )
    return None


KIND: Final = QueueKind(
    name="jenkins",
    label=NAME,
    open=Jenkins,
    match=match_item,
    list_missing=list_missing_of_item,
    check_labels=check_labels,
    labels_help=(
        "The labels of this pool's nodes, each without a value. Give the nodes "
        "the names of their servers. Add mode=exclusive if they only run jobs "
        "that ask for their labels."
    ),
    credentials=(
        Field(
            "user",
            "User",
            "A user who may read all jobs and nodes. Jenkins hides what the user may "
            "not read, so such jobs get no servers.",
            required=True,
            shown=True,
            pattern="[!-9;-~]+",
            like="serverfleet",
        ),
        Field(
            "token",
            "API token",
            "An API token of this user: in Jenkins, on the user's page, under "
            "Security.",
            required=True,
            secret=True,
            pattern=ONE_WORD,
            like="11a2b3c4",
        ),
    ),
    options=(
        Field(
            "unlabelled",
            "Label for jobs without one",
            "The label expression for jobs whose label Jenkins doesn't tell, "
            "such as pipelines while there is no node at all.",
        ),
    ),
)
