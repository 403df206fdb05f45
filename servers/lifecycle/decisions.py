"""The kinds of decision: what one step can do, as values."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from servers.lifecycle.conditions import Look
from servers.lifecycle.snapshot import InstanceView, Placement
from servers.lifecycle.states import Answer, Event


@dataclass(frozen=True, slots=True)
class Wait:
    """Do nothing before ``until`` (None: until something else happens)."""

    because: str
    until: datetime | None
    held: bool = False  # blocked from outside: its deadline does not run


@dataclass(frozen=True, slots=True)
class Move:
    """Move the row. Needs no call.

    ``answer`` is why the attempt failed, if the event is instance_failed.
    """

    event: Event
    reason: str
    answer: Answer = Answer.FAILED


@dataclass(frozen=True, slots=True)
class WriteIntent:
    """Write an attempt for this placement, then send its call.

    ``because`` says why it is this one, where the list alone does not.
    """

    placement: Placement
    because: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class LookUp:
    """Ask the cloud for instances with the attempt's key."""

    attempt: int


@dataclass(frozen=True, slots=True)
class Adopt:
    """Record the current attempt's instance, and move a row that waits for it."""

    instance: InstanceView


@dataclass(frozen=True, slots=True)
class CloseAttempt:
    """Close an attempt confirmed absent, and move the row by ``event`` if not None."""

    attempt: int
    event: Event | None
    reason: str


@dataclass(frozen=True, slots=True)
class Finish:
    """Do what the current attempt's instance still needs before it boots."""

    instance: InstanceView


@dataclass(frozen=True, slots=True)
class Probe:
    """Look at the instance, and move the row by ``event`` if the condition holds.

    If it does not hold, look again ``again`` later. What holds before ``settled`` may
    have changed by then, so it is looked at once more.
    """

    address: str
    look: Look
    event: Event
    again: timedelta
    settled: datetime | None = None


@dataclass(frozen=True, slots=True)
class Check:
    """Look whether the running server's instance is healthy, and record it."""

    address: str
    look: Look


@dataclass(frozen=True, slots=True)
class Tell:
    """Have the running server's agent do what the server's cordon says.

    If it does not yet, try again ``again`` later, but check its health at
    ``next_check``.
    """

    address: str
    look: Look
    again: timedelta
    next_check: datetime


@dataclass(frozen=True, slots=True)
class Replace:
    """Create another server like this one, and terminate this one for ``reason``.

    If no other server can be created, ``otherwise`` is the event that moves this one.
    """

    reason: str
    otherwise: Event


@dataclass(frozen=True, slots=True)
class ConfirmVanished:
    """Ask by id for an instance that two listings missed, to be sure."""

    instance: InstanceView


@dataclass(frozen=True, slots=True)
class Destroy:
    """Send the destroy calls for these instances."""

    instances: tuple[InstanceView, ...]


Change = Move | Adopt | CloseAttempt  # needs no call
Call = (
    WriteIntent
    | LookUp
    | Finish
    | ConfirmVanished
    | Destroy
    | Probe
    | Check
    | Tell
    | Replace  # no call, but its locks come before those of its step's transaction
)
Decision = Wait | Change | Call
