"""What a queue showed: one snapshot of its jobs, whatever the CI system."""

from dataclasses import dataclass
from enum import StrEnum


class JobState(StrEnum):
    """Where a job stands."""

    PENDING = "pending"  # it needs a slot
    HELD = "held"  # it waits for something else, such as a limit of its repository
    RUNNING = "running"  # it has a slot


@dataclass(frozen=True, slots=True)
class Job:
    """One job. ``server`` is the name of the server that runs it, "" if unknown."""

    job_id: str
    state: JobState
    since: float  # when it was queued; when it was started, if it runs
    server: str = ""


@dataclass(frozen=True, slots=True)
class Demand:
    """The jobs of one queue that match one pool, as they were at one time.

    ``complete`` is false if the queue showed only a part. ``names_servers`` tells
    whether running jobs say which server runs them. If they don't, ``elsewhere`` tells
    whether a job that counts for another pool may run on a server of this pool.
    ``until`` is when this expires, as its source says. Without it, the policy says
    when.
    """

    at: float
    jobs: tuple[Job, ...]
    complete: bool = True
    paused: bool = False
    names_servers: bool = True
    elsewhere: bool = False
    until: float | None = None
