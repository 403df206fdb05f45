"""The port over ``GET /api/v1/query`` of Prometheus, and of what speaks like it.

No result is not zero: a series is missing, too, if its exporter is down. A value can't
be trusted if it is NaN, if it is old, or if the answer has warnings, which say that a
part could not be read.

Source: prometheus.io/docs/prometheus/latest/querying/api; isPartial is of
VictoriaMetrics.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from servers.lifecycle.pools.demand import JobState
from servers.outgoing import reading
from servers.outgoing.deadline import Deadline
from servers.outgoing.errors import (
    CallError,
    CredentialsError,
    RefusedError,
    UnknownOutcomeError,
)
from servers.outgoing.fields import Field
from servers.outgoing.masking import mask
from servers.outgoing.reply import Reply, shorten
from servers.outgoing.rest import RestClient
from servers.queues.authorization import (
    FIELDS,
    check_authorization,
    list_secrets,
    write_authorization,
)
from servers.queues.base import (
    Labels,
    QueueConfig,
    QueueJob,
    QueueSnapshot,
    check_count,
)
from servers.queues.counting import need_count, repeat_job
from servers.queues.kind import QueueKind
from servers.queues.matching import match_labels

NAME: Final = "Prometheus"
MAX_AGE: Final = 120.0
_METRIC_NAME: Final = "__name__"
_SERVER: Final = "server"  # the label with the name of a server
# What the query itself is to blame for, by errorType.
_WRONG: Final = frozenset({"bad_data", "execution"})


class Prometheus:
    """Two queries: one for the jobs that wait, one for those that run."""

    def __init__(self, config: QueueConfig) -> None:
        given, options = config.credentials, config.options
        self._queries = {
            # Waiting jobs first: one that starts meanwhile is seen twice, not never.
            JobState.PENDING: str(options.get("pending", "")),
            JobState.RUNNING: str(options.get("running", "")),
        }
        self._agents = str(options.get("agents", ""))
        self._max_age = float(str(options.get("max_age", "") or MAX_AGE))
        self._client = RestClient(
            NAME, config.url, write_authorization(given), list_secrets(given), _explain
        )

    def read(self, *, now: float, deadline: float) -> QueueSnapshot:
        """Return as many jobs as the queries count. They have no ids."""
        jobs: list[QueueJob] = []
        with Deadline(deadline, NAME):
            for state, query in self._queries.items():
                which = f"{NAME}'s query for {state} jobs"
                found = list(self._ask(query, which, now))
                if not found:
                    raise UnknownOutcomeError(
                        f"{which} found nothing, which may mean that its source is "
                        "down. If it means that there are no jobs, add: or vector(0)"
                    )
                for labels, number in found:
                    jobs += repeat_job(state, number, labels, now)
                    check_count(len(jobs), NAME)
            agents = self._count_agents(now) if self._agents else {}
        running = any(job.state is JobState.RUNNING for job in jobs)
        return QueueSnapshot(now, tuple(jobs), names_servers=not running, agents=agents)

    def _count_agents(self, now: float) -> dict[str, int]:
        """Return how many jobs each server runs, by its name."""
        which = f"{NAME}'s query for agents"
        found: dict[str, int] = {}
        for labels, number in self._ask(self._agents, which, now):
            server = labels.get(_SERVER, "")
            if not server:
                raise RefusedError(
                    f"{which} returns a value without the label {_SERVER}. Use one "
                    f"such as sum by ({_SERVER}) (ci_agent_jobs)."
                )
            found[server] = found.get(server, 0) + number
        return found

    def _ask(self, query: str, which: str, now: float) -> Iterator[tuple[Labels, int]]:
        """Yield the numbers that a query returns, with their labels."""
        # Prometheus takes no fractions of a second.
        back = f"{round(self._max_age * 1000)}ms"
        asked = {"query": query, "lookback_delta": back}
        reply = self._client.ask("GET", "/api/v1/query", query=asked)
        _check_whole(reply, which, self._client.secrets)
        for labels, sample in _read_samples(reply, which):
            self._check_age(reading.number(sample, 0), now, which)
            yield labels, need_count(_read_value(sample), f"The result of {which}")

    def _check_age(self, at: float | None, now: float, which: str) -> None:
        if at is None:
            raise UnknownOutcomeError(f"{which} returned a value without a time.")
        if now - at > self._max_age:
            raise UnknownOutcomeError(
                f"{which} returned a value that is {now - at:.0f} s old. Check its "
                "source, and the clocks of both machines."
            )


def _check_whole(reply: Reply, which: str, secrets: tuple[str, ...]) -> None:
    """Raise UnknownOutcomeError if the answer is no success, or has only a part."""
    if reading.text(reply.data, "status") != "success":
        raise UnknownOutcomeError(f"{NAME} answered without a result.")
    warnings = reading.find(reply.data, "warnings")
    if warnings or reading.truth(reply.data, "isPartial"):
        said = "; ".join(reading.texts(reply.data, "warnings")) or "it is partial"
        said = mask(said, secrets)  # before it is cut
        raise UnknownOutcomeError(
            f"{which} may have returned only a part: {shorten(said)}"
        )


def _read_samples(reply: Reply, which: str) -> list[tuple[Labels, Any]]:
    """Return the labels of each value, and the value with its time."""
    kind = reading.text(reply.data, "data", "resultType")
    if kind == "scalar":
        return [({}, reading.find(reply.data, "data", "result"))]
    if kind != "vector":
        raise RefusedError(
            f"{which} returns a {kind[:20] or 'value of no type'}. Use one that "
            "returns a number now, such as sum by (queue) (ci_jobs_pending)."
        )
    series = reply.need_objects("data", "result")
    return [(_read_labels(each), reading.find(each, "value")) for each in series]


def _read_labels(series: Mapping[str, Any]) -> Labels:
    labels = reading.labels(series, "metric")
    labels.pop(_METRIC_NAME, None)
    return labels


def _read_value(sample: Any) -> float | None:
    """Return a sample's value. Prometheus sends it as text, also NaN and +Inf."""
    found = reading.find(sample, 1)
    return reading.number({"value": found}, "value") if isinstance(found, str) else None


def _explain(reply: Reply) -> CallError | None:
    said = f"{NAME} answered {reply.status}"
    if reply.status in {401, 403}:
        return CredentialsError(f"{said}. Check the credentials of the queue.")
    if reading.text(reply.data, "status") != "error":
        return None
    why = shorten(reading.text(reply.data, "error"))
    wrong = reading.text(reply.data, "errorType") in _WRONG
    return (RefusedError if wrong else UnknownOutcomeError)(f"{said}: {why}")


def _query(name: str, label: str, what: str, like: str) -> Field:
    return Field(
        name,
        label,
        f"The PromQL query for the number of jobs that {what}: one value, or one for "
        f"each set of labels, such as {like}.",
        required=True,
    )


KIND: Final = QueueKind(
    name="prometheus",
    label=NAME,
    open=Prometheus,
    match=match_labels,
    labels_help=(
        "What the servers of this pool offer, named as the labels of the queries' "
        "results. A value counts for a pool that has all of its labels."
    ),
    credentials=FIELDS,
    check_credentials=check_authorization,
    options=(
        _query("pending", "Waiting jobs", "wait", "sum by (queue) (ci_jobs_pending)"),
        _query("running", "Running jobs", "run", "sum by (queue) (ci_jobs_running)"),
        Field(
            "agents",
            "Jobs of each server",
            "The PromQL query for how many jobs each server runs, by the label server: "
            "0 for an idle one. Without it, no server counts as idle while jobs run.",
        ),
        Field(
            "max_age",
            "Oldest value",
            f"In seconds. The default is {MAX_AGE:.0f}. Older values make the "
            "queue unknown.",
            number=True,
            least=1,
            most=3600,
        ),
    ),
)
