"""Jobs of GitLab's projects, and which runners may run them.

Source: GitLab's Jobs API, and app/services/ci/queue/build_queue_service.rb and
lib/gitlab/ci/queue of its source.
"""

from typing import Any, Final

from servers.lifecycle.keys import parse_key
from servers.lifecycle.pools.demand import JobState
from servers.outgoing import reading
from servers.outgoing.reply import need_text
from servers.queues.base import Labels, QueueJob

NAME: Final = "GitLab"
PENDING: Final = "pending"
RUNNING: Final = "running"
# GitLab ends a job that has waited longer.
LONGEST_WAIT: Final = 24 * 3600.0
MAX_TITLE: Final = 200
# A pool's label for runners that also take jobs without tags.
UNTAGGED: Final = "run_untagged"
_YES: Final = "true"


def read_job(project: str, job: Any, *, now: float, names_servers: bool) -> QueueJob:
    """Return a job as GitLab shows it. Raise UnknownOutcomeError if it has no id.

    A runner that was registered for a server has an attempt's key as its description.
    Others are those of one server each only if ``names_servers`` says so.
    """
    status = need_text(job, "status", what=NAME)
    waited = reading.number(job, "queued_duration")
    # A job is created with its pipeline, and queued when it is its turn.
    queued = reading.instant(job, "created_at") if waited is None else now - waited
    since, server = queued, ""
    if status == RUNNING:
        state = JobState.RUNNING
        since = reading.instant(job, "started_at") or queued
        name = reading.text(job, "runner", "description")
        server = name if names_servers or parse_key(name) is not None else ""
    else:
        dead = queued is not None and now - queued > LONGEST_WAIT
        state = JobState.PENDING if status == PENDING and not dead else JobState.HELD
    return QueueJob(
        job_id=need_text(job, "id", what=NAME),
        state=state,
        since=min(now if since is None else since, now),
        labels=dict.fromkeys(reading.texts(job, "tag_list"), ""),
        server=server,
        title=f"{project}, {reading.text(job, 'name')}".strip(", ")[:MAX_TITLE],
    )


def match_job(job: Labels, pool: Labels) -> int | None:
    """Let a runner run a job whose tags it all has, letter by letter.

    A job without tags needs a runner that takes such jobs. A runner without tags does.
    """
    offered = pool.keys() - {UNTAGGED}
    if not job:
        return len(offered) if UNTAGGED in pool or not offered else None
    return len(offered - job.keys()) if job.keys() <= offered else None


def list_missing_of_job(job: Labels, pool: Labels) -> list[str]:
    """Return which tags of a job a pool lacks."""
    if not job:
        return [] if match_job(job, pool) is not None else [f"{UNTAGGED}={_YES}"]
    return sorted(job.keys() - pool.keys())


def check_labels(labels: Labels) -> str:
    """Return what is wrong with a pool's labels for GitLab, or ""."""
    for name, value in labels.items():
        if value != (_YES if name == UNTAGGED else ""):
            return (
                f"Tags of GitLab's runners have no values. Enter {name[:40]!r} with an "
                f'empty value. Only {UNTAGGED} has one: "{_YES}".'
            )
    return ""
