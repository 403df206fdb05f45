"""What ``decide`` looks at: one server and all that bears on it, at one moment.

Plain frozen values, loaded from the records by engine.py, made by hand in tests. All
times are the database's.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum, auto

from servers.lifecycle.states import OPEN, Outcome, State


class Hold(Enum):
    """What keeps a create from being sent to a candidate now."""

    NONE = auto()
    UNUSABLE = auto()  # disabled, or its credentials are refused: a person must act
    FULL = auto()  # its account's cap is reached: ours, so the deadline stops
    OURS = auto()  # our own rate, or a breaker that opened over a leak: likewise
    BROKEN = auto()  # a breaker that failures opened: the deadline runs
    THROTTLED = auto()  # the cloud asked for fewer calls: likewise


# What keeps a later candidate from nothing.
PASSED_BY = frozenset({Hold.UNUSABLE, Hold.FULL, Hold.BROKEN})
# We hold it ourselves, so its pending deadline does not run.
OUR_HOLDS = frozenset({Hold.FULL, Hold.OURS})


@dataclass(frozen=True, slots=True)
class Pace:
    """The timings of one scope; see clouds.base.Timings for their meaning."""

    lease: timedelta
    settle: timedelta
    lag: timedelta
    grace: timedelta
    gate: timedelta
    listing: timedelta  # between two listings while something moves


@dataclass(frozen=True, slots=True)
class Limits:
    """How long a state may last, and how often the same is tried."""

    pending: timedelta = timedelta(minutes=10)
    retention: timedelta = timedelta(hours=1)  # of an errored row with an instance
    tries: int = 3  # at one candidate; what says nothing against it is none
    share: float = 0.10  # of a scope that may vanish or be condemned at once …
    share_floor: int = 5  # … and the number that always may


@dataclass(frozen=True, slots=True)
class AttemptView:
    """One attempt of the server."""

    number: int
    outcome: Outcome
    scope: str
    lease_end: datetime
    looked_at: datetime | None = None
    answered_at: datetime | None = None
    answer: str = ""
    candidate: int = 0
    answer_class: str = ""  # of Answer, once it is closed
    closed_at: datetime | None = None

    @property
    def is_open(self) -> bool:
        """Whether an instance of it may still be, or become, the server's."""
        return self.outcome in OPEN


@dataclass(frozen=True, slots=True)
class InstanceView:
    """One instance that carries the server's id in its key."""

    pk: int
    instance_id: str
    attempt_number: int
    scope: str
    first_seen: datetime
    live: bool = True
    failed: bool = False  # the cloud gave up on it
    halted: bool = False  # it is neither running nor on the way there
    unclear: bool = False  # … by a status that nobody has named yet
    condemned: bool = False
    address: str = ""
    fault: str = ""
    raw_status: str = ""
    missed_from: datetime | None = None
    destroy_asked_at: datetime | None = None
    destroy_failures: int = 0
    destroy_error: str = ""


@dataclass(frozen=True, slots=True)
class ScopeView:
    """One scope that an attempt of the server named, or that the next one would.

    ``first_look`` and ``last_look`` are the starts of the first and of the newest
    complete listing that began after ``quiet_from`` of the server; None without one.
    ``missing`` of ``live`` instances in it were not in the newest listing.
    """

    scope: str
    name: str
    pace: Pace
    no_create: str = ""  # why nothing may be created in it now; "" where it may
    no_destroy: str = ""
    newest: datetime | None = None
    first_look: datetime | None = None
    last_look: datetime | None = None
    live: int = 0
    missing: int = 0


@dataclass(frozen=True, slots=True)
class CandidateView:
    """One place and size to make the server in, in the order of the recipe."""

    index: int
    name: str
    scope: str
    hold: Hold = Hold.NONE
    because: str = ""  # what holds it, as a sentence
    until: datetime | None = None  # where it is known when that ends


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One server at one moment, under the lease of whoever looks."""

    state: State
    state_since: datetime
    created_at: datetime
    attempt_number: int = 0
    tried_from: int = 0  # attempts up to this number are of before a retry
    failures: int = 0  # calls in a row that taught nothing
    jitter: float = 0.5  # 0..1, fixed for the server, spreads the back-offs
    instance_id: str = ""
    deadline_at: datetime | None = None
    ttl: timedelta | None = None
    protected: bool = False
    trial_until: datetime | None = None  # only to try its template, until then
    ready_by_address: bool = True
    limits: Limits = field(default_factory=Limits)
    candidate_count: int = 1
    candidates: tuple[CandidateView, ...] = ()  # loaded for pending rows alone
    attempts: tuple[AttemptView, ...] = ()
    instances: tuple[InstanceView, ...] = ()
    scopes: tuple[ScopeView, ...] = ()

    @property
    def attempt(self) -> AttemptView | None:
        """The current attempt, or None before the first."""
        for attempt in self.attempts:
            if attempt.number == self.attempt_number:
                return attempt
        return None

    @property
    def own_instance(self) -> InstanceView | None:
        """The instance that the row names, or None."""
        for instance in self.instances:
            if (
                instance.instance_id == self.instance_id
                and instance.attempt_number == self.attempt_number
            ):
                return instance
        return None

    @property
    def live_instances(self) -> tuple[InstanceView, ...]:
        """Everything live under the server's id, doubles and orphans included."""
        return tuple(instance for instance in self.instances if instance.live)

    def scope(self, scope: str) -> ScopeView:
        """Return the view of ``scope``; KeyError where it was not loaded."""
        for view in self.scopes:
            if view.scope == scope:
                return view
        raise KeyError(scope)
