"""The port over GitHub's REST API for Actions."""

from collections.abc import Iterable
from typing import Final

from servers.outgoing import reading
from servers.outgoing.deadline import Deadline
from servers.outgoing.errors import MissingError, UnknownOutcomeError
from servers.outgoing.reply import Reply, need_text
from servers.outgoing.rest import refusing_missing
from servers.queues import hooks
from servers.queues.base import QueueConfig, QueueSnapshot, check_count
from servers.queues.gathering import gather
from servers.queues.github.api import MAX_LISTED, Api
from servers.queues.github.errors import NAME
from servers.queues.github.jobs import Seen, build_jobs, check_labels, read_seen
from servers.queues.github.options import (
    CREDENTIALS,
    DEFAULT_URL,
    OPTIONS,
    check_credentials,
    check_options,
    read_repositories,
)
from servers.queues.github.registrar import REGISTERS
from servers.queues.github.runners import Runners
from servers.queues.kind import QueueKind
from servers.queues.matching import list_missing_tags, match_tags

# More take longer to read than one read may.
MAX_REPOSITORIES: Final = 200
MAX_RUNS: Final = 2000
# A run is *queued* as long as one of its jobs is, even while others run.
_STATUSES: Final = ("queued", "in_progress")

Run = tuple[str, str]  # the repository and the run's id


class GitHub:
    """The jobs of an organization's repositories, or of those that are named."""

    def __init__(self, config: QueueConfig) -> None:
        self._config = config

    def read(self, *, now: float, deadline: float) -> QueueSnapshot:
        """Return all jobs that have not ended, of all runs that have not."""
        hosted = self._config.options.get("hosted") is True
        with Deadline(deadline, NAME), refusing_missing():
            api = Api(self._config)
            repositories = self._find_repositories(api)
            runs = _list_runs(api, repositories)
            seen = gather(lambda run: _list_jobs(api, run), runs)
        jobs = {}
        for (repository, _), each in zip(runs, seen, strict=True):
            for job in build_jobs(repository, each, now=now, hosted=hosted):
                jobs[job.job_id] = job
        check_count(len(jobs), NAME)
        return QueueSnapshot(now, tuple(jobs.values()), wait=api.find_wait())

    def _find_repositories(self, api: Api) -> list[str]:
        options = self._config.options
        if named := read_repositories(options):
            return named
        organization = str(options.get("organization") or "")
        if self._config.credentials.get("token"):
            path = api.join_path("orgs", organization, "repos")
            found = api.list_all(path, {"type": "all"}, _read_repositories)
        else:
            path = api.join_path("installation", "repositories")
            found = api.list_all(path, {}, _read_repositories)
        names = list(dict.fromkeys(found))
        if len(names) > MAX_REPOSITORIES:
            raise UnknownOutcomeError(
                f"{organization} has {len(names):,} repositories, and ServerFleet "
                f"reads at most {MAX_REPOSITORIES} in one queue. Name those whose jobs "
                "need your servers in the option repositories."
            )
        return names


def _read_repositories(reply: Reply) -> list[str]:
    path = ("repositories",) if isinstance(reply.data, dict) else ()
    return [
        need_text(each, "full_name", what=NAME)
        for each in reply.need_objects(*path)
        # These run nothing.
        if not reading.truth(each, "archived") and not reading.truth(each, "disabled")
    ]


def _list_runs(api: Api, repositories: Iterable[str]) -> list[Run]:
    def list_one(asked: tuple[str, str]) -> list[Run]:
        repository, status = asked
        path = api.join_path("repos", *repository.split("/"), "actions", "runs")
        found = api.list_all(path, {"status": status}, _read_runs, most=MAX_LISTED)
        return [(repository, run) for run in found]

    asked = [(name, status) for name in repositories for status in _STATUSES]
    lists = gather(list_one, asked)
    runs = list(dict.fromkeys(run for each in lists for run in each))
    if len(runs) > MAX_RUNS:
        raise UnknownOutcomeError(
            f"{NAME} shows {len(runs):,} workflow runs that have not ended, and "
            f"ServerFleet reads at most {MAX_RUNS:,}. Nothing changes until there are "
            "fewer."
        )
    return runs


def _read_runs(reply: Reply) -> list[str]:
    runs = reply.need_objects("workflow_runs")
    return [need_text(run, "id", what=NAME) for run in runs]


def _list_jobs(api: Api, run: Run) -> list[Seen]:
    repository, number = run
    path = api.join_path("repos", *repository.split("/"), "actions", "runs", number)
    try:
        return api.list_all(f"{path}/jobs", {"filter": "latest"}, read_seen)
    except MissingError:
        return []  # the run was deleted meanwhile


KIND: Final = QueueKind(
    name="github",
    label="GitHub Actions",
    agent="github",
    open=GitHub,
    open_cordons=Runners,
    cordons_for_good=True,
    registers=REGISTERS,
    match=match_tags,
    list_missing=list_missing_tags,
    check_labels=check_labels,
    labels_help=(
        "The labels of this pool's runners, each with an empty value, such as "
        "self-hosted, linux, x64 and your own. Capitals make no difference."
    ),
    default_url=DEFAULT_URL,
    credentials=CREDENTIALS,
    options=OPTIONS,
    check_credentials=check_credentials,
    check_options=check_options,
    poll=30.0,
    hook=hooks.GITHUB,
)
