"""What a client pushes: all jobs of a queue, one by one or as numbers."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

from servers.errors import InvalidError
from servers.lifecycle.pools.demand import JobState
from servers.queues.base import MAX_JOBS, Labels, QueueJob, QueueSnapshot
from servers.queues.counting import repeat_job

MAX_SEQ: Final = 2**53 - 1  # the largest whole number that every JSON client can send
MAX_TTL: Final = 86400
MAX_AHEAD: Final = timedelta(minutes=1)  # of the client's clock
MAX_COUNTS: Final = 500
MAX_AGENTS: Final = 5000
MAX_PUSHED: Final = 2000  # one by one; more fit into a body only as numbers
MAX_TEXT: Final = 200
MAX_LABELS: Final = 50
LATEST: Final = 2**40  # Unix seconds
_STATES: Final = ", ".join(JobState)


def read_body(body: Mapping[str, Any], now: float) -> QueueSnapshot:
    """Return what a push shows. ``now`` is in Unix seconds. Raises InvalidError.

    Its fields are of their types already: ``ttl`` and ``at`` whole numbers, ``jobs``
    and ``counts`` lists.
    """
    errors: dict[str, list[str]] = {}
    if not 1 <= body.get("seq", 0) <= MAX_SEQ:
        errors["seq"] = [f"Send a whole number from 1 to {MAX_SEQ}."]
    ttl = body.get("ttl", 0)
    if not 1 <= ttl <= MAX_TTL:
        errors["ttl"] = [f"Send a whole number of seconds from 1 to {MAX_TTL}."]
    at = body.get("at", now)
    if at > now + MAX_AHEAD.total_seconds():
        errors["at"] = [f"This is {at - now:.0f} s in the future. {_CLOCK}"]
    at = min(at, now)
    if "ttl" not in errors and at + ttl <= now:
        late = now - at - ttl
        errors["at"] = [f"This had expired {late:.0f} s before it arrived. {_CLOCK}"]
    jobs: list[QueueJob] = []
    given = [name for name in ("jobs", "counts") if name in body]
    if len(given) != 1:
        errors["jobs"] = ["Send either jobs or counts. An empty list means no jobs."]
    else:
        (name,) = given
        try:
            read = _read_jobs if name == "jobs" else _read_counts
            jobs = read(body[name], now)
        except ValueError as error:
            errors[name] = [str(error)]
    agents = body.get("agents", {})
    if len(agents) > MAX_AGENTS or not all(
        _is_text(name) and name and _is_whole(number, MAX_JOBS)
        for name, number in agents.items()
    ):
        message = f"Send at most {MAX_AGENTS:,} names of servers, each with a whole "
        errors["agents"] = [f"{message}number from 0 to {MAX_JOBS}."]
    if errors:
        raise InvalidError.of(errors)
    return QueueSnapshot(
        at=at,
        jobs=tuple(jobs),
        paused=body.get("paused", False),
        names_servers="jobs" in body
        and all(job.server for job in jobs if job.state is JobState.RUNNING),
        until=at + ttl,
        agents={name: int(number) for name, number in agents.items()},
    )


_CLOCK: Final = "Check the clock of the sender, and how long the request took."


def _read_jobs(given: list[Any], now: float) -> list[QueueJob]:
    if len(given) > MAX_PUSHED:
        raise ValueError(f"Send at most {MAX_PUSHED:,} jobs, or send counts.")
    jobs = [_read_job(f"Job {n}", each, now) for n, each in enumerate(given, 1)]
    seen: set[str] = set()
    for number, job in enumerate(jobs, 1):
        if job.job_id in seen:
            raise ValueError(f"Job {number}: another job has the same id.")
        seen.add(job.job_id)
    return jobs


def _read_job(which: str, given: Any, now: float) -> QueueJob:
    _check_names(which, given, ("id", "state", "labels", "since", "server", "title"))
    if given.get("state") not in list(JobState):
        raise ValueError(f"{which}: state must be one of {_STATES}.")
    if "since" in given and not _is_whole(given["since"], LATEST):
        raise ValueError(f"{which}: since must be a time in Unix seconds.")
    return QueueJob(
        job_id=_read_text(which, given, "id", needed=True),
        state=JobState(given["state"]),
        since=min(float(given.get("since", now)), now),
        labels=_read_labels(which, given),
        server=_read_text(which, given, "server"),
        title=_read_text(which, given, "title"),
    )


def _read_counts(given: list[Any], now: float) -> list[QueueJob]:
    if len(given) > MAX_COUNTS:
        raise ValueError(f"Send at most {MAX_COUNTS} counts.")
    jobs: list[QueueJob] = []
    for position, each in enumerate(given, 1):
        which = f"Count {position}"
        _check_names(which, each, ("labels", *JobState))
        for name in (JobState.PENDING, JobState.RUNNING):
            if name not in each:
                raise ValueError(
                    f"{which}: {name} is missing. Without it, ServerFleet "
                    "can't know which servers are needed."
                )
        labels = _read_labels(which, each)
        for state in JobState:
            number = each.get(state, 0)
            if not _is_whole(number, MAX_JOBS):
                raise ValueError(
                    f"{which}: {state} must be a whole number from 0 to {MAX_JOBS}."
                )
            jobs += repeat_job(state, int(number), labels, now)
        if len(jobs) > MAX_JOBS:
            raise ValueError(f"Send at most {MAX_JOBS:,} jobs in all.")
    return jobs


def _check_names(which: str, given: Any, known: tuple[str, ...]) -> None:
    if not isinstance(given, Mapping) or not set(given) <= set(known):
        raise ValueError(f"{which}: use an object with any of {', '.join(known)}.")


def _is_whole(value: Any, most: int) -> bool:
    """Tell whether it is a whole number from 0. In JSON, 2.0 is one."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return 0 <= value <= most and value == int(value)


def _read_text(
    which: str, given: Mapping[str, Any], name: str, *, needed: bool = False
) -> str:
    value = given.get(name, "")
    if not _is_text(value) or (needed and not value):
        raise ValueError(
            f"{which}: {name} must be a text of {'1' if needed else '0'} to "
            f"{MAX_TEXT} printable characters."
        )
    return str(value)


def _read_labels(which: str, given: Mapping[str, Any]) -> Labels:
    labels = given.get("labels", {})
    if (
        not isinstance(labels, Mapping)
        or len(labels) > MAX_LABELS
        or not all(map(_is_text, (*labels, *labels.values())))
    ):
        raise ValueError(
            f"{which}: labels must be an object of at most {MAX_LABELS} texts, "
            f"with at most {MAX_TEXT} printable characters each."
        )
    return dict(labels)


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and len(value) <= MAX_TEXT and value.isprintable()
