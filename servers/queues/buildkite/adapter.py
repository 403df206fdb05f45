"""The port over Buildkite's ``GET /v3/metrics``, which counts the jobs of each queue.

Source: buildkite.com/docs/apis/agent-api/metrics, and buildkite/buildkite-agent-scaler,
buildkite/client.go, for the header that says how often to ask.
"""

from collections.abc import Mapping
from typing import Any, Final

from servers.lifecycle.pools.demand import JobState
from servers.outgoing import reading
from servers.outgoing.deadline import Deadline
from servers.outgoing.errors import CallError, CredentialsError
from servers.outgoing.fields import Field
from servers.outgoing.reply import Reply
from servers.outgoing.rest import RestClient
from servers.queues import hooks
from servers.queues.authorization import ONE_WORD, read_token
from servers.queues.base import (
    Labels,
    QueueConfig,
    QueueJob,
    QueueSnapshot,
    check_count,
)
from servers.queues.counting import need_count, repeat_job
from servers.queues.kind import QueueKind

NAME: Final = "Buildkite"
_POLL: Final = "Buildkite-Agent-Metrics-Poll-Duration"  # seconds
_QUEUE: Final = "queue"
_USUAL: Final = "default"  # the queue of agents and jobs that name none
_STATES: Final = {
    "scheduled": JobState.PENDING,
    # Behind a wait step, a block step or other jobs: no agent could take it.
    "waiting": JobState.HELD,
    "running": JobState.RUNNING,
}


class Buildkite:
    """The queues of one cluster, or of an organization without clusters."""

    def __init__(self, config: QueueConfig) -> None:
        token = read_token(config.credentials)
        self._client = RestClient(
            NAME, config.url, {"Authorization": f"Token {token}"}, (token,), _explain
        )

    def read(self, *, now: float, deadline: float) -> QueueSnapshot:
        """Return as many jobs as each queue counts. They have no ids."""
        with Deadline(deadline, NAME):
            reply = self._client.ask("GET", "/metrics")
        queues = reply.need_object("jobs", "queues")
        jobs: list[QueueJob] = []
        for queue in queues:
            jobs += _read_queue(queue, reply.need_object("jobs", "queues", queue), now)
            check_count(len(jobs), NAME)
        running = any(job.state is JobState.RUNNING for job in jobs)
        return QueueSnapshot(
            now,
            tuple(jobs),
            names_servers=not running,
            wait=_read_wait(reply.headers.get(_POLL, "")),
        )


def _read_wait(header: str) -> float:
    return max(0.0, reading.number({"wait": header}, "wait") or 0.0)


def _read_queue(queue: str, counted: Mapping[str, Any], now: float) -> list[QueueJob]:
    labels = {_QUEUE: reading.text(queue)}
    jobs = []
    for name, state in _STATES.items():
        what = f"{NAME}'s number of {name} jobs"
        number = need_count(reading.number(counted, name), what)
        jobs += repeat_job(state, number, labels, now)
    return jobs


def _explain(reply: Reply) -> CallError | None:
    if reply.status in {401, 403} and reading.text(reply.data, "message"):
        return CredentialsError(
            f"{NAME} answered {reply.status}. The agent token is not valid. Enter one "
            "of the cluster whose queues the pools follow."
        )
    return None


def match_queue(job: Labels, pool: Labels) -> int | None:
    """Let an agent run the jobs of its queue, and of no other."""
    return 0 if pool.get(_QUEUE, _USUAL) == job.get(_QUEUE, _USUAL) else None


def list_missing_queue(job: Labels, pool: Labels) -> list[str]:
    """Return the queue of a job, if a pool serves another."""
    if match_queue(job, pool) is not None:
        return []
    return [f"{_QUEUE}={job.get(_QUEUE, _USUAL)}"]


def check_labels(labels: Labels) -> str:
    """Return what is wrong with a pool's labels for Buildkite, or ""."""
    for name in labels:
        if name != _QUEUE:
            return (
                f"Buildkite counts jobs only by their queue, so {name[:40]!r} "
                f"can't match any. Use only the label {_QUEUE}, with another "
                "queue for each pool."
            )
    return ""


KIND: Final = QueueKind(
    name="buildkite",
    label=NAME,
    agent="buildkite",
    open=Buildkite,
    match=match_queue,
    list_missing=list_missing_queue,
    check_labels=check_labels,
    labels_help=(
        "The queue of this pool's agents: queue=NAME. Without it, they are in "
        f"the queue {_USUAL}."
    ),
    credentials=(
        Field(
            "token",
            "Agent token",
            "An agent token of the cluster whose queues the pools follow: Agents, the "
            "cluster, Agent tokens.",
            required=True,
            secret=True,
            pattern=ONE_WORD,
            like="bkct_abc",
        ),
    ),
    default_url="https://agent.buildkite.com/v3",
    hook=hooks.BUILDKITE,
)
