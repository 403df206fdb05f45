"""The kinds of decision: what one step may do, as values."""

from dataclasses import dataclass
from datetime import datetime

from servers.lifecycle.snapshot import InstanceView
from servers.lifecycle.states import Event


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing to do before ``until`` (None: until something else happens)."""

    because: str
    until: datetime | None
    held: bool = False  # something outside holds it: its deadline does not run


@dataclass(frozen=True, slots=True)
class Move:
    """Move the row; needs no call."""

    event: Event
    reason: str


@dataclass(frozen=True, slots=True)
class WriteIntent:
    """Write an attempt at this candidate, then send its call."""

    candidate: int


@dataclass(frozen=True, slots=True)
class LookUp:
    """Ask the scope for the attempt's key."""

    attempt: int


@dataclass(frozen=True, slots=True)
class Adopt:
    """The instance is the current attempt's: record it, and move a row that waits."""

    instance: InstanceView


@dataclass(frozen=True, slots=True)
class CloseAttempt:
    """The attempt is proven absent; move the row by ``event`` where there is one."""

    attempt: int
    event: Event | None
    reason: str


@dataclass(frozen=True, slots=True)
class Probe:
    """See whether the machine is ready."""

    address: str


@dataclass(frozen=True, slots=True)
class ConfirmVanished:
    """Two listings missed it: ask for it by its id before believing that."""

    instance: InstanceView


@dataclass(frozen=True, slots=True)
class Destroy:
    """Ask for the end of these instances."""

    instances: tuple[InstanceView, ...]


Decision = (
    Wait
    | Move
    | WriteIntent
    | LookUp
    | Adopt
    | CloseAttempt
    | Probe
    | ConfirmVanished
    | Destroy
)
