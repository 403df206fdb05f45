"""The port over GitLab's REST API."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final

from servers.lifecycle.pools.demand import JobState
from servers.outgoing import reading
from servers.outgoing.deadline import Deadline
from servers.outgoing.errors import UnknownOutcomeError
from servers.outgoing.reply import need_text
from servers.outgoing.rest import Query
from servers.queues import hooks
from servers.queues.base import (
    MAX_JOBS,
    QueueConfig,
    QueueJob,
    QueueSnapshot,
    check_count,
)
from servers.queues.bounds import Intake
from servers.queues.gathering import gather
from servers.queues.gitlab.client import PAGE, list_by_page, open_client
from servers.queues.gitlab.jobs import (
    NAME,
    PENDING,
    RUNNING,
    check_labels,
    list_missing_of_job,
    match_job,
    read_job,
)
from servers.queues.gitlab.options import (
    CREDENTIALS,
    DEFAULT_URL,
    OPTIONS,
    check_options,
    read_projects,
)
from servers.queues.gitlab.registrar import REGISTERS
from servers.queues.kind import QueueKind

# More take longer to read than one read may.
MAX_PROJECTS: Final = 400
# GitLab takes 600 lists of jobs in a minute from one user. A third is left to others.
SECONDS_A_CALL: Final = 0.15

Project = tuple[str, str]  # its id, or its path, and its path


class GitLab:
    """The jobs of a group's projects, or of those that are named."""

    def __init__(self, config: QueueConfig) -> None:
        self._options = config.options
        self._client = open_client(config)

    def read(self, *, now: float, deadline: float) -> QueueSnapshot:
        """Return all jobs that wait for a runner or have one."""
        named = self._options.get("runner_per_server") is True
        with Deadline(deadline, NAME):
            projects = self._find_projects()
            intake = Intake(now)

            def list_jobs(project: Project) -> list[QueueJob]:
                read = partial(read_job, project[1], now=now, names_servers=named)
                return self._list_jobs(project, lambda row: intake.take(read(row)))

            lists = gather(list_jobs, projects)
        check_count(sum(map(len, lists)), NAME)
        jobs = {job.job_id: job for shown in lists for job in shown}
        running = [job for job in jobs.values() if job.state is JobState.RUNNING]
        return QueueSnapshot(
            now,
            tuple(jobs.values()),
            names_servers=named or all(job.server for job in running),
            wait=len(projects) * SECONDS_A_CALL,
        )

    def _find_projects(self) -> Sequence[Project]:
        if named := read_projects(self._options):
            return [(path, path) for path in named]
        group = str(self._options.get("group") or "")
        path = self._client.join_path("groups", group, "projects")
        query: Query = {
            "include_subgroups": True,
            "with_shared": False,
            "archived": False,
            "order_by": "id",
            "sort": "asc",
        }
        found: dict[str, str] = {}
        for page in list_by_page(self._client, path, query):
            for each in page:
                if reading.text(each, "builds_access_level") != "disabled":
                    number = need_text(each, "id", what=NAME)
                    found[number] = reading.text(each, "path_with_namespace")
            if len(found) > MAX_PROJECTS:
                raise UnknownOutcomeError(
                    f"{group} has more than {MAX_PROJECTS} projects, and "
                    "ServerFleet reads at most that many in one queue. Name "
                    "those whose jobs need your servers in the option projects."
                )
        return list(found.items())

    def _list_jobs(
        self, project: Project, read: Callable[[Any], QueueJob]
    ) -> list[QueueJob]:
        # Pages by key: a job that ends meanwhile moves no other to another page.
        query: Query = {
            "scope[]": (PENDING, RUNNING),
            "pagination": "keyset",
            "order_by": "id",
            "sort": "desc",
            "per_page": PAGE,
        }
        jobs: list[QueueJob] = []
        path = self._client.join_path("projects", project[0], "jobs")
        for reply in self._client.pages(
            path, query=query, find_next=lambda reply: reply.find_link("next")
        ):
            jobs += map(read, reply.need_objects())
            if len(jobs) > MAX_JOBS:
                check_count(len(jobs), NAME)
        return jobs


KIND: Final = QueueKind(
    name="gitlab",
    label="GitLab CI/CD",
    agent="gitlab",
    open=GitLab,
    registers=REGISTERS,
    match=match_job,
    list_missing=list_missing_of_job,
    check_labels=check_labels,
    labels_help=(
        "The tags of this pool's runners, each with an empty value. Upper and lower "
        'case differ. Add run_untagged with the value "true" if the runners also take '
        "jobs without tags."
    ),
    default_url=DEFAULT_URL,
    credentials=CREDENTIALS,
    options=OPTIONS,
    check_options=check_options,
    hook=hooks.GITLAB,
)
