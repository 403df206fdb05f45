"""What a queue shows, and what each adapter promises.

A queue is never trusted. What it shows may be old, partial, or nonsense, and whatever
is not read for sure raises an error, so that a pool's plan changes nothing. An adapter
never turns an answer that it can't read into an empty queue.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from servers.lifecycle.pools.demand import JobState
from servers.outgoing.errors import UnknownOutcomeError

Labels = Mapping[str, str]
MAX_JOBS: Final = 20_000  # of one snapshot
COUNTED: Final = "#"  # begins the id that counting.py gives to a job that has none


@dataclass(frozen=True, slots=True)
class Host:
    """A server on which a simulated queue runs its jobs."""

    name: str
    slots: int
    labels: Labels
    takes_jobs: bool = True  # false while it is cordoned or ends


@dataclass(frozen=True, slots=True)
class QueueConfig:
    """All that an adapter needs. Contains secrets: never log it.

    ``scene`` returns what a simulated queue showed last, and the servers of its pools.
    """

    url: str = ""  # "" for the CI system's own
    credentials: Mapping[str, str] = field(default_factory=dict, repr=False)
    options: Mapping[str, object] = field(default_factory=dict)
    scene: "Callable[[], tuple[QueueSnapshot | None, Sequence[Host]]] | None" = None


@dataclass(frozen=True, slots=True)
class QueueJob:
    """One job of a queue.

    ``job_id`` is "" for a job that its CI only counts. It gets a name when it is kept:
    see counting.py.

    ``labels`` is what a server must have to run it, by the CI's own rules: labels with
    values, or tags with the value "". ``since`` is Unix seconds by this machine's
    clock: when it was queued, or started. ``server`` is the name of the server that
    runs it, "" if the CI does not say. ``title`` tells people which job it is.
    """

    job_id: str
    state: JobState
    since: float
    labels: Labels
    server: str = ""
    title: str = ""

    @property
    def name(self) -> str:
        """What people see: its title or id, unless that was made up."""
        if not self.title and self.job_id.startswith(COUNTED):
            return "counted job"
        return self.title or self.job_id or "counted job"


@dataclass(frozen=True, slots=True)
class QueueSnapshot:
    """All jobs of a queue at one time, in Unix seconds by this machine's clock.

    ``at`` is when the first request was sent: what happened later may be missing.
    ``complete`` is false if a part could not be read. ``names_servers`` tells whether
    running jobs say which server runs them. ``wait`` is how many seconds the CI wants
    to be left alone. ``until`` is when what was pushed expires. ``agents`` is how many
    jobs at least each server runs, by its name, where the CI says that of its agents: 0
    for an idle one. One that is left out may run any.
    """

    at: float
    jobs: tuple[QueueJob, ...]
    complete: bool = True
    paused: bool = False
    names_servers: bool = True
    wait: float = 0.0
    until: float | None = None
    agents: Mapping[str, int] = field(default_factory=dict)


class Queue(Protocol):
    """One queue of a CI system. Safe to call from any thread."""

    def read(self, *, now: float, deadline: float) -> QueueSnapshot:
        """Return what the queue shows, with all its pages, within ``deadline`` seconds.

        ``now`` becomes ``at``. Times of the CI that lie in the future count as ``now``.
        Never changes anything. Raises a CallError if it can't be read:
        CredentialsError, ThrottledError (with ``retry_after``), UnreachableError,
        RefusedError (such as an edition of the CI without this API), and
        UnknownOutcomeError for all else.
        """


def check_count(number: int, what: str) -> None:
    """Raise UnknownOutcomeError if a queue shows more jobs than can be true."""
    if number > MAX_JOBS:
        raise UnknownOutcomeError(
            f"{what} showed more than {MAX_JOBS:,} jobs. ServerFleet reads at "
            "most that many, so nothing changes until there are fewer."
        )
