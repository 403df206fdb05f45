"""The port over Forgejo's list of jobs, ``GET …/actions/runners/jobs``.

Source: forgejo.org, routers/api/v1/shared/runners.go and models/actions/run_job.go, of
versions before and since 15.
"""

import re
from dataclasses import replace
from typing import Any, Final

from servers.lifecycle.pools.demand import JobState
from servers.outgoing import reading
from servers.outgoing.deadline import Deadline
from servers.outgoing.errors import CallError, RefusedError, UnknownOutcomeError
from servers.outgoing.fields import Field, read_several
from servers.outgoing.reply import Reply, need_text
from servers.queues import hooks
from servers.queues.answers import need_list, read_time
from servers.queues.base import QueueConfig, QueueJob, QueueSnapshot, check_count
from servers.queues.forgejo.registrar import NAME, REGISTERS
from servers.queues.forges import (
    ADMIN,
    LABELS_HELP,
    OWNER,
    TOKEN,
    check_tags,
    explain_by,
    find_scope,
    list_pages,
    name_job,
    open_client,
    read_tags,
)
from servers.queues.kind import QueueKind
from servers.queues.matching import match_labels

SHOWS_ALL: Final = 15  # the first version that shows jobs of all labels
_LABELS: Final = Field(
    "labels",
    "Runner labels",
    "All labels of your runners. Forgejo before 15 needs them: it shows only "
    "jobs whose labels are all listed here.",
    several=True,
    pattern=r"[^,:\s]+",
    like="docker, ubuntu-latest",
)
_STATES: Final = {
    "waiting": JobState.PENDING,
    "running": JobState.RUNNING,
    "blocked": JobState.HELD,
}
_RUNNER: Final = ("name", "status")
_ONLINE: Final = frozenset({"active", "idle", "online"})
_DONE: Final = frozenset({"success", "failure", "cancelled", "skipped"})


class Forgejo:
    """The jobs of a Forgejo instance, an organization or a repository."""

    def __init__(self, config: QueueConfig) -> None:
        self._client = open_client(NAME, config)
        self._scope = find_scope(self._client, config)
        self._labels = read_several(config.options.get("labels"))

    def read(self, *, now: float, deadline: float) -> QueueSnapshot:
        """Return all jobs that wait for a runner or have one.

        It tells no times of jobs. Nor does it tell which runner runs which, but which
        runners have one.
        """
        with Deadline(deadline, NAME):
            reply = self._ask_jobs()
            rows = need_list(reply)
            check_count(len(rows), NAME)
            if not rows and not self._labels:
                self._check_version()
            jobs = [job for row in rows if (job := _read_job(row, now)) is not None]
            if not any(job.state is JobState.RUNNING for job in jobs):
                return QueueSnapshot(now, tuple(jobs))
            agents = self._read_agents()
        return QueueSnapshot(now, tuple(jobs), names_servers=False, agents=agents)

    def _ask_jobs(self) -> Reply:
        """Return the list of jobs, from the path that this version has."""
        query = {"labels": ",".join(self._labels) or None}
        path = f"{self._scope}/runners/jobs"
        if self._scope != ADMIN:
            return self._client.ask("GET", path, query=query)
        try:
            return replace(self._client, explain=_explain_missing).ask(
                "GET", path, query=query
            )
        except _MissingError:
            # Versions before 15 have it elsewhere.
            return self._client.ask("GET", "/admin/runners/jobs", query=query)

    def _check_version(self) -> None:
        """Raise RefusedError if null does not mean that there are no jobs."""
        found = self._client.ask("GET", "/version")
        version = need_text(found.need_object(), "version", what=NAME)
        major = re.match(r"[0-9]{1,6}", version)
        if major is None or int(major[0]) < SHOWS_ALL:
            raise RefusedError(
                f"{NAME} {version[:40]} shows only jobs with labels that it is "
                "asked for. Enter all labels of your runners in the queue's "
                "options."
            )

    def _read_agents(self) -> dict[str, int]:
        """Return whether each runner that is online has a job: 1 or 0.

        An active one has reported on a job within ten seconds. Returns {} if this
        version does not show its runners.
        """
        client = replace(self._client, explain=_explain_missing)
        found: dict[str, int] = {}
        try:
            for page, _ in list_pages(client, f"{self._scope}/runners", "runners"):
                for row in page:
                    name, status = (reading.text(row, each) for each in _RUNNER)
                    # Before 15, a runner has Gitea's fields.
                    busy = status == "active" or reading.truth(row, "busy")
                    if status in _ONLINE:
                        found[name] = max(int(busy), found.get(name, 0))
        except _MissingError:
            return {}
        return found


class _MissingError(UnknownOutcomeError):
    """Nothing is there. It may be another version, or a gateway may say so."""


def _explain_missing(reply: Reply) -> CallError | None:
    if reply.status == 404:
        return _MissingError(f"{NAME} answered 404.")
    return explain_by(NAME)(reply)


def _read_job(row: dict[str, Any], now: float) -> QueueJob | None:
    """Return a row as a job; None if it has ended."""
    status = reading.text(row, "status")
    if status in _DONE:
        return None
    state = _STATES.get(status)
    if state is None:
        raise UnknownOutcomeError(
            f"{NAME} showed a job with the state {status[:40]!r}."
        )
    need_text(row, "id", what=NAME)
    field = "started" if state is JobState.RUNNING else "created"
    return QueueJob(
        job_id=name_job(row, "attempt"),
        state=state,
        since=min(read_time(row, field) or now, now),
        labels=read_tags(reading.texts(row, "runs_on")),
        title=reading.text(row, "name"),
    )


KIND: Final = QueueKind(
    name="forgejo",
    label=NAME,
    agent="gitea",
    open=Forgejo,
    registers=REGISTERS,
    match=match_labels,
    check_labels=check_tags,
    labels_help=LABELS_HELP,
    credentials=(TOKEN,),
    options=(OWNER, _LABELS),
    hook=hooks.FORGEJO,
)
