"""The port over Gitea's list of jobs, ``GET …/actions/jobs``, and its runners.

Source: go-gitea/gitea, routers/api/v1/shared/action.go and services/convert/action.go,
as of 1.25 to 1.27.
"""

from collections.abc import Mapping
from typing import Any, Final

from servers.lifecycle.pools.demand import JobState
from servers.outgoing import reading
from servers.outgoing.deadline import Deadline
from servers.outgoing.errors import RefusedError, UnknownOutcomeError
from servers.outgoing.reply import need_text
from servers.queues import hooks
from servers.queues.answers import read_time
from servers.queues.base import QueueConfig, QueueJob, QueueSnapshot, check_count
from servers.queues.bounds import MAX_TEXT, Intake
from servers.queues.cordons import Agent, Cordoned, set_cordons
from servers.queues.forges import (
    LABELS_HELP,
    OWNER,
    TOKEN,
    check_tags,
    find_scope,
    list_pages,
    name_job,
    open_client,
    read_tags,
)
from servers.queues.gitea.registrar import NAME, REGISTERS
from servers.queues.kind import QueueKind
from servers.queues.matching import match_labels

# What needs a runner is called queued. A blocked job is called waiting or, by newer
# versions, pending; asking for those would show jobs that no runner can take.
ASKED: Final = ("queued", "in_progress")
_STATES: Final = {
    "queued": JobState.PENDING,
    "in_progress": JobState.RUNNING,
    "waiting": JobState.HELD,
    "pending": JobState.HELD,
    "requested": JobState.HELD,
}
_DONE: Final = "completed"


class Gitea:
    """The jobs of a Gitea instance, an organization or a repository."""

    def __init__(self, config: QueueConfig) -> None:
        self._client = open_client(NAME, config)
        self._scope = find_scope(self._client, config)

    def read(self, *, now: float, deadline: float) -> QueueSnapshot:
        """Return all jobs that wait for a runner or have one.

        Those that wait are read first. So a job that starts meanwhile is in both lists
        and not in none, and what was read last counts.
        """
        jobs: dict[str, QueueJob] = {}
        complete = True
        intake = Intake(now)
        with Deadline(deadline, NAME):
            for status in ASKED:
                found, total = self._list_jobs(status, intake, now)
                complete = complete and len(found) >= total
                jobs |= {job.job_id: job for job in found.values() if job is not None}
        return QueueSnapshot(now, tuple(jobs.values()), complete=complete)

    def cordon(self, wanted: Mapping[str, bool], *, deadline: float) -> Cordoned:
        """Disable runners, or enable them again. Raises RefusedError before 1.26."""
        with Deadline(deadline, NAME):
            agents = {
                agent.agent_id: agent
                for page, _ in list_pages(
                    self._client, f"{self._scope}/runners", "runners"
                )
                for agent in map(_read_runner, page)
            }
            return set_cordons(agents.values(), wanted, self._set_cordon)

    def _set_cordon(self, agent: Agent, is_cordoned: bool) -> None:
        path = self._scope + self._client.join_path("runners", agent.agent_id)
        self._client.ask("PATCH", path, data={"disabled": is_cordoned})

    def _list_jobs(
        self, status: str, intake: Intake, now: float
    ) -> tuple[dict[str, QueueJob | None], int]:
        """Return the jobs with a status by their rows' ids, and how many there are.

        None stands for a job that has ended.
        """
        rows: dict[str, QueueJob | None] = {}
        total = 0
        path = f"{self._scope}/jobs"
        for page, total in list_pages(
            self._client, path, "workflow_jobs", {"status": status}
        ):
            check_count(max(total, len(rows)), NAME)
            for row in page:
                job = _read_job(row, status, now)
                number = reading.text(row, "id")[:MAX_TEXT]
                rows[number] = job and intake.take(job)
        if "" in rows:
            raise UnknownOutcomeError(f"{NAME} showed a job without an id.")
        return rows, total


def _read_runner(row: dict[str, Any]) -> Agent:
    is_disabled = row.get("disabled")
    if not isinstance(is_disabled, bool):
        raise RefusedError(
            f"This version of {NAME} can't disable runners, so it can still send jobs "
            "to cordoned servers until their runners have been told. Use 1.26 or newer."
        )
    number = need_text(row, "id", what=NAME)
    return Agent(number, reading.text(row, "name"), is_disabled)


def _read_job(row: dict[str, Any], asked: str, now: float) -> QueueJob | None:
    """Return a row as a job; None if it has ended.

    The row's own status counts, in case the server does not know the filter. A status
    of no known name is the one that was asked for.
    """
    status = reading.text(row, "status")
    if status == _DONE:
        return None
    state = _STATES.get(status, _STATES[asked])
    is_running = state is JobState.RUNNING
    since = (read_time(row, "started_at") if is_running else None) or read_time(
        row, "created_at"
    )
    run = reading.text(row, "run_id")
    return QueueJob(
        job_id=name_job(row, "run_attempt"),
        state=state,
        since=min(since or now, now),
        labels=read_tags(reading.texts(row, "labels")),
        server=reading.text(row, "runner_name") if is_running else "",
        title=f"run {run}, {reading.text(row, 'name')}".strip(", "),
    )


KIND: Final = QueueKind(
    name="gitea",
    label=NAME,
    agent="gitea",
    open=Gitea,
    open_cordons=Gitea,
    registers=REGISTERS,
    match=match_labels,
    check_labels=check_tags,
    labels_help=LABELS_HELP,
    credentials=(TOKEN,),
    options=(OWNER,),
    hook=hooks.GITEA,
)
