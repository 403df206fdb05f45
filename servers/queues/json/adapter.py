"""The port over any JSON that says how many jobs wait and run, or lists them."""

from collections.abc import Mapping
from functools import partial
from typing import Any, Final
from urllib.parse import urljoin

from servers.lifecycle.pools.demand import JobState
from servers.outgoing import reading
from servers.outgoing.deadline import Deadline
from servers.outgoing.errors import CallError, UnknownOutcomeError
from servers.outgoing.fields import Field
from servers.outgoing.links import split_link
from servers.outgoing.reply import Reply
from servers.outgoing.rest import RestClient
from servers.queues.authorization import (
    FIELDS,
    check_authorization,
    list_secrets,
    write_authorization,
)
from servers.queues.base import QueueConfig, QueueJob, QueueSnapshot, check_count
from servers.queues.bounds import Intake
from servers.queues.counting import need_count, repeat_job
from servers.queues.json.items import ITEM_FIELDS, read_item
from servers.queues.json.pointer import (
    MISSING,
    Place,
    follow_pointer,
    is_pointer,
    parse_place,
)
from servers.queues.kind import QueueKind
from servers.queues.matching import match_labels

NAME: Final = "The JSON source"
_ADVICE: Final = {
    403: "These credentials may not read it.",
    404: "Check the URL, and the paths of pending and running.",
}
# Headers that belong to HTTP itself.
_TAKEN: Final = frozenset(
    {"accept", "accept-encoding", "connection", "content-length", "host"}
    | {"te", "trailer", "transfer-encoding", "upgrade"}
)


class JsonSource:
    """Two places that show the jobs that wait, and those that run."""

    def __init__(self, config: QueueConfig) -> None:
        given = config.credentials
        headers = write_authorization(given)
        if header := given.get("header"):
            headers = {header: given.get("token", "").strip()}
        self._base = config.url.rstrip("/")
        self._client = RestClient(
            NAME, config.url, headers, list_secrets(given), _explain
        )
        options = {name: str(value) for name, value in config.options.items()}
        self._places = {
            # Waiting jobs first: one that starts meanwhile is seen twice, not never.
            JobState.PENDING: _need_place(options, "pending"),
            JobState.RUNNING: _need_place(options, "running"),
        }
        self._pointers = {
            field.name: options[field.name]
            for field in ITEM_FIELDS
            if options.get(field.name)
        }
        self._total = options.get("total", "")

    def read(self, *, now: float, deadline: float) -> QueueSnapshot:
        """Return the jobs of both places. A list follows its pages."""
        jobs: dict[JobState, list[QueueJob]] = {}
        whole = True
        intake = Intake(now)
        with Deadline(deadline, NAME):
            for state, place in self._places.items():
                found, all_there = self._read_place(state, place, intake, now)
                jobs[state], whole = found, whole and all_there
        running = jobs[JobState.RUNNING]
        started = {job.job_id for job in running if job.job_id}
        waiting = [job for job in jobs[JobState.PENDING] if job.job_id not in started]
        return QueueSnapshot(
            now,
            (*waiting, *running),
            complete=whole,
            names_servers=all(job.server for job in running),
        )

    def _read_place(
        self, state: JobState, place: Place, intake: Intake, now: float
    ) -> tuple[list[QueueJob], bool]:
        """Return the jobs of a place, and whether they are all."""
        what = f"{NAME}'s number of {state} jobs"
        jobs: list[QueueJob] = []
        total = None
        for reply in self._client.pages(
            place.path, find_next=partial(self._find_next, place)
        ):
            value = self._find(reply, place.pointer)
            if not isinstance(value, list):
                if jobs:
                    raise UnknownOutcomeError(f"{NAME} has a page that is not a list.")
                number = need_count(reading.number({"n": value}, "n"), what)
                return repeat_job(state, number, {}, now), True
            check_count(len(jobs) + len(value), NAME)
            jobs += [
                intake.take(read_item(each, self._pointers, state, now, NAME))
                for each in value
            ]
            if self._total:
                found = self._find(reply, self._total)
                total = need_count(reading.number({"n": found}, "n"), f"{NAME}'s total")
        shown = len(jobs)
        if "id" in self._pointers:
            # One that moved to another page meanwhile is in the list twice.
            shown = len({job.job_id for job in jobs})
        return jobs, total is None or shown >= total

    def _find(self, reply: Reply, pointer: str) -> Any:
        if reply.data is None:
            raise UnknownOutcomeError(f"{NAME} answered without JSON.")
        found = follow_pointer(reply.data, pointer)
        if found is MISSING:
            raise UnknownOutcomeError(f"{NAME} has nothing at {pointer}.")
        return found

    def _find_next(self, place: Place, reply: Reply) -> str | None:
        link = reply.find_link("next")
        if not link or split_link(link) is None:
            return link or None  # what is no link is refused when it is followed
        # Relative links are common, even such as ?page=2, and mean the same host.
        return urljoin(self._base + place.path, link)


def _need_place(options: Mapping[str, str], name: str) -> Place:
    place = parse_place(options.get(name, ""))
    if place is None:  # options that were saved are checked
        raise UnknownOutcomeError(f"The option {name} of this queue is not valid.")
    return place


def _explain(reply: Reply) -> CallError | None:
    if advice := _ADVICE.get(reply.status):
        return UnknownOutcomeError(f"{NAME} answered {reply.status}. {advice}")
    return None


def _check_options(options: Mapping[str, object]) -> str:
    for name in ("pending", "running"):
        if parse_place(str(options.get(name, ""))) is None:
            return f"{name}: use a path and a pointer such as /jobs?state=new#/total."
    for name in ("total", *(field.name for field in ITEM_FIELDS)):
        if not is_pointer(str(options.get(name, ""))):
            return f"{name}: use a JSON pointer such as /runner/name."
    return ""


def _check_credentials(given: Mapping[str, str]) -> str:
    header = given.get("header", "")
    if header.lower() in _TAKEN:
        return f"Header: {header} can't carry a token."
    if header and not given.get("token"):
        return "Enter the token that this header carries."
    return check_authorization(given)


def _place(name: str, label: str, what: str) -> Field:
    return Field(
        name,
        label,
        f"What to append to the URL, and after # the JSON pointer to {what}: a "
        "number, or a list of jobs.",
        required=True,
        directs=True,
        pattern="[!-~]*",
        like="/jobs?state=new#/total",
    )


KIND: Final = QueueKind(
    name="json",
    label="JSON at a URL",
    open=JsonSource,
    match=match_labels,
    labels_help=(
        "What the servers of this pool offer. A job is served if the pool has "
        "all of its labels, with the same values. Jobs that are only counted "
        "have no labels."
    ),
    credentials=(
        *FIELDS,
        Field(
            "header",
            "Header",
            "The header that carries the token, if it is not Authorization: Bearer.",
            shown=True,
            pattern="[A-Za-z][A-Za-z0-9-]{0,63}",
            like="X-Api-Key",
        ),
    ),
    check_credentials=_check_credentials,
    options=(
        _place("pending", "Waiting jobs", "the jobs that wait"),
        _place("running", "Running jobs", "the jobs that run"),
        *ITEM_FIELDS,
        Field(
            "total",
            "Total in a list",
            "The JSON pointer to the total number of jobs, if the answer has "
            "it. A shorter list counts as partial, and nothing changes.",
        ),
    ),
    check_options=_check_options,
)
