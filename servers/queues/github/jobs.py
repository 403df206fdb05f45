"""The jobs of workflow runs, and which runners may run them.

Source: GitHub's documentation, "Using self-hosted runners in a workflow", "Actions
limits" and "REST API endpoints for workflow jobs".
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from servers.lifecycle.pools.demand import JobState
from servers.outgoing import reading
from servers.outgoing.reply import Reply, need_text
from servers.queues.base import Labels, QueueJob
from servers.queues.github.errors import NAME

# GitHub ends a job that has waited longer, and some it keeps showing for weeks.
LONGEST_WAIT: Final = 24 * 3600.0
LONGEST_RUN: Final = 5 * 24 * 3600.0
MAX_TITLE: Final = 200
# Labels of GitHub's own runners, such as ubuntu-latest and macos-15-xlarge.
_HOSTED: Final = re.compile(
    r"(ubuntu|windows|macos)-(latest|slim|[0-9][0-9.]*)(-[a-z0-9-]+)?", re.IGNORECASE
)
# Others, such as waiting and pending, wait for an approval or a concurrency group.
_WAITS: Final = "queued"
_RUNS: Final = "in_progress"
_ENDED: Final = "completed"


@dataclass(frozen=True, slots=True)
class Seen:
    """One job as GitHub showed it. Times are in Unix seconds, None if not shown."""

    job_id: str
    status: str
    labels: tuple[str, ...]
    runner: str
    created: float | None
    started: float | None
    title: str


def read_seen(reply: Reply) -> list[Seen]:
    """Return the jobs of a page that have not ended."""
    return [
        _read_one(job)
        for job in reply.need_objects("jobs")
        if reading.text(job, "status") != _ENDED
    ]


def _read_one(job: Any) -> Seen:
    path = [reading.text(job, name) for name in ("workflow_name", "name")]
    return Seen(
        job_id=need_text(job, "id", what=NAME),
        status=need_text(job, "status", what=NAME),
        labels=tuple(dict.fromkeys(reading.texts(job, "labels"))),
        runner=reading.text(job, "runner_name"),
        created=reading.instant(job, "created_at"),
        started=reading.instant(job, "started_at"),
        title=" / ".join(filter(None, path)),
    )


def build_jobs(
    repository: str, seen: Iterable[Seen], *, now: float, hosted: bool
) -> list[QueueJob]:
    """Return the jobs of a repository. ``hosted`` keeps those of GitHub's runners."""
    found = (_build(repository, each, now) for each in seen if hosted or _is_own(each))
    return [job for job in found if job is not None]


def _is_own(job: Seen) -> bool:
    return len(job.labels) != 1 or not _HOSTED.fullmatch(job.labels[0])


def _build(repository: str, job: Seen, now: float) -> QueueJob | None:
    queued = job.created or job.started or now
    # The status of a job that has just got its runner may still be the old one.
    if job.status == _RUNS or (job.status == _WAITS and job.runner):
        state, since = JobState.RUNNING, job.started or queued
        if now - since > LONGEST_RUN:
            return None
    else:
        dead = now - queued > LONGEST_WAIT
        waits = job.status == _WAITS and not dead
        state, since = JobState.PENDING if waits else JobState.HELD, queued
    return QueueJob(
        job_id=job.job_id,
        state=state,
        since=min(since, now),
        labels=dict.fromkeys(job.labels, ""),
        server=job.runner if state is JobState.RUNNING else "",
        title=f"{repository}, {job.title}".strip(", ")[:MAX_TITLE],
    )


def check_labels(labels: Labels) -> str:
    """Return what is wrong with a pool's labels for GitHub, or ""."""
    for name, value in labels.items():
        if value:
            return (
                f"Labels of GitHub's runners have no values. Enter {name[:40]!r} with "
                "an empty value."
            )
    return ""
