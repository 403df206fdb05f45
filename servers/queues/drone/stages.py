"""Stages of Drone's queue, read as jobs.

Source: drone/drone, core/stage.go, scheduler/queue/queue.go and
operator/manager/teardown.go, as of v2.
"""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from typing import Any, Final

from servers.lifecycle.pools.demand import JobState
from servers.outgoing import reading
from servers.outgoing.reply import need_text
from servers.queues.base import Labels, QueueJob
from servers.queues.matching import list_missing

# What a runner is by default, and what a stage without them is.
DEFAULTS: Final = {"kind": "pipeline", "type": "docker"}
# The server compares these only if the stage has them.
_OPTIONAL: Final = ("variant", "kernel")
_FIXED: Final = ("kind", "type", "os", "arch", *_OPTIONAL)
_LABEL: Final = "label."  # before the names of a stage's own labels


class _Limits:
    """Which stages the server holds back by their limits.

    ``limit`` counts stages of the same repository and name that are older or running,
    ``throttle`` all older ones of the repository.
    """

    def __init__(self, stages: Sequence[Mapping[str, Any]]) -> None:
        self._all: dict[str, list[int]] = {}
        self._named: dict[tuple[str, str], list[int]] = {}
        self._running: dict[tuple[str, str], list[int]] = {}
        for stage in sorted(stages, key=_number):
            number, repo, name = _number(stage), _repo(stage), _name(stage)
            self._all.setdefault(repo, []).append(number)
            self._named.setdefault((repo, name), []).append(number)
            if _is_running(stage):
                self._running.setdefault((repo, name), []).append(number)

    def hold(self, stage: Mapping[str, Any]) -> bool:
        """Tell whether a pending stage is held back."""
        number, repo, name = _number(stage), _repo(stage), _name(stage)
        limit, throttle = (reading.whole(stage, each) for each in ("limit", "throttle"))
        if throttle > 0 and bisect_left(self._all[repo], number) >= throttle:
            return True
        if limit <= 0:
            return False
        running = self._running.get((repo, name), [])
        newer = len(running) - bisect_left(running, number)
        return bisect_left(self._named[repo, name], number) + newer >= limit


def _number(stage: Mapping[str, Any]) -> int:
    return reading.whole(stage, "id")


def _repo(stage: Mapping[str, Any]) -> str:
    return reading.text(stage, "repo_id")


def _name(stage: Mapping[str, Any]) -> str:
    return reading.text(stage, "name")


def _is_running(stage: Mapping[str, Any]) -> bool:
    return reading.text(stage, "status") == "running"


def read_stages(stages: Sequence[Mapping[str, Any]], now: float) -> list[QueueJob]:
    """Return a queue's stages as jobs. Raise UnknownOutcomeError if one has no id."""
    limits = _Limits(stages)
    return [_read_stage(stage, limits, now) for stage in stages]


def _read_stage(stage: Mapping[str, Any], limits: _Limits, now: float) -> QueueJob:
    machine = reading.text(stage, "machine")
    running = _is_running(stage)
    if running or machine:
        # A runner that has accepted a stage, and not started it, is busy with it.
        state = JobState.RUNNING
    elif reading.text(stage, "status") != "pending" or limits.hold(stage):
        state = JobState.HELD
    else:
        state = JobState.PENDING
    created, updated, started = (
        reading.number(stage, name) or 0.0 for name in ("created", "updated", "started")
    )
    # All stages of a build are created at once. One that depends on others is updated
    # when it is its turn.
    since = (started if running else 0.0) or max(created, updated) or now
    build = reading.text(stage, "build_id")
    return QueueJob(
        job_id=need_text(stage, "id", what="Drone"),
        state=state,
        since=min(since, now),
        labels=_read_labels(stage),
        server=machine,
        title=f"build {build}, {_name(stage)}".strip(", "),
    )


def _read_labels(stage: Mapping[str, Any]) -> dict[str, str]:
    found = {
        name: reading.text(stage, name) or DEFAULTS.get(name, "") for name in _FIXED
    }
    found |= {
        f"{_LABEL}{name}": value
        for name, value in reading.labels(stage, "labels").items()
    }
    return {name: value for name, value in found.items() if value}


def match_stage(job: Labels, pool: Labels) -> int | None:
    """Let a runner run a stage as Drone's server does.

    Kind, type, operating system and architecture must be equal, and so must the stage's
    own labels as a whole. Variant and kernel count only if the stage has them.
    """
    offered = {**DEFAULTS, **pool}
    for name in ("kind", "type", "os", "arch"):
        if name in offered and offered[name] != job.get(name, offered[name]):
            return None
    for name in _OPTIONAL:
        if name in job and job[name] != offered.get(name):
            return None
    own = [
        {name: value for name, value in each.items() if name.startswith(_LABEL)}
        for each in (job, offered)
    ]
    if own[0] != own[1]:
        return None
    return sum(name in pool and name not in job for name in _OPTIONAL)


def list_missing_of_stage(job: Labels, pool: Labels) -> list[str]:
    """Return what a stage asks for and a pool's runners are not."""
    offered = {**DEFAULTS, **pool}
    asked = {
        name: value
        for name, value in job.items()
        if name.startswith(_LABEL)
        or name in _OPTIONAL
        # Of the others, a pool has what it does not name as the stage wants it.
        or (name in _FIXED and name in offered)
    }
    return list_missing(asked, offered)


def list_demanded_of_stage(job: Labels, pool: Labels) -> list[str]:
    """Return the labels of a pool that a stage lacks: the server wants them equal."""
    return [
        f"{name}={value}"
        for name, value in sorted(pool.items())
        if name.startswith(_LABEL) and name not in job
    ]


def check_labels(labels: Labels) -> str:
    """Return what is wrong with a pool's labels for Drone, or ""."""
    for name in labels:
        if name not in _FIXED and not name.startswith(_LABEL):
            known = ", ".join(_FIXED)
            return (
                f"{name[:40]!r} is not a property of a Drone runner. Use "
                f"{known}, or {_LABEL}NAME for a label."
            )
    return ""
