"""The input of ``decide``: one server and everything relevant to it, at one moment.

Plain frozen values. servers/placing/snapshots.py loads them from the records; tests
build them by hand. All times are the database's.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from enum import Enum, auto
from typing import Any

from servers.lifecycle.conditions import Machine
from servers.lifecycle.states import BOOTING, OPEN, Outcome, State, Want


class Hold(Enum):
    """What blocks a create call to a placement now."""

    NONE = auto()
    UNUSABLE = auto()  # disabled, or its credentials are refused: a person must act
    FULL = auto()  # its account's cap is reached: ours, so the deadline stops
    OURS = auto()  # our own rate limit, or a breaker opened by a leak: likewise
    BROKEN = auto()  # a breaker opened by failures: the deadline runs
    THROTTLED = auto()  # the cloud or the CI asked for fewer calls: likewise


# Holds that let a later placement be tried.
PASSED_BY = frozenset({Hold.UNUSABLE, Hold.FULL, Hold.BROKEN})
# ServerFleet itself blocks it, so its pending deadline does not run.
OUR_HOLDS = frozenset({Hold.FULL, Hold.OURS})


@dataclass(frozen=True, slots=True)
class Pace:
    """The timings of one location. clouds.base.Timings explains them."""

    lease: timedelta
    settle: timedelta
    lag: timedelta
    grace: timedelta
    gate: timedelta
    listing: timedelta  # between two listings while something changes


@dataclass(frozen=True, slots=True)
class Limits:
    """How long a state may last, and how often a create is tried."""

    pending: timedelta = timedelta(minutes=10)
    retention: timedelta = timedelta(hours=1)  # of an errored row with an instance
    tries: int = 3  # per placement; see servers/lifecycle/tries.py for what counts
    share: float = 0.10  # of a location that may vanish or be condemned at once …
    share_floor: int = 5  # … and the number that is always allowed
    recheck: timedelta = timedelta(seconds=5)  # what was just sent shows after it
    # A drain of a failed server lasts no longer, unless its machine answers.
    silence: timedelta = timedelta(minutes=5)
    # What hears of its drain only at the end still has this long …
    notice: timedelta = timedelta(minutes=3)
    away: timedelta = timedelta(minutes=1)  # … as after no step was taken for so long
    check: timedelta = timedelta(seconds=60)  # between two checks of health
    checks: int = 3  # failed ones in a row that lose health
    # So long, servers that were lost count as if they still failed.
    lately: timedelta = timedelta(minutes=15)
    # A server that lost its health sooner after it was ready is not replaced.
    proven: timedelta = timedelta(minutes=10)
    # Between two looks for the end of an agent that ends by itself.
    glance: timedelta = timedelta(seconds=5)  # at first …
    glances: timedelta = timedelta(seconds=15)  # … and at last


@dataclass(frozen=True, slots=True)
class HostView:
    """What looks at the server's machine found since it entered its state.

    ``failures`` are the failed checks in a row up to ``checked_at``, and ``problem`` is
    what was wrong at the last one. ``builds`` are those that a drain waits for. The
    agent may not do what the server's cordon says ``behind_since`` then; None: it does.
    ``told_at`` is when it first answered a look of the drain, or was told to drain.
    """

    checked_at: datetime | None = None
    failures: int = 0
    problem: str = ""
    builds: tuple[str, ...] = ()
    has_agent: bool = False  # its agent was started, in this state or before
    agent_spent: bool = False  # … and has ended after the one build that it was for
    behind_since: datetime | None = None
    told_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class AttemptView:
    """One attempt of the server."""

    number: int
    outcome: Outcome
    location: str
    lease_end: datetime
    looked_at: datetime | None = None
    answered_at: datetime | None = None
    answer: str = ""
    placement: int = 0
    answer_class: str = ""  # a value of Answer, once it is closed
    closed_at: datetime | None = None
    unfinished: bool = False  # its instance needs another call before it boots …
    finished_at: datetime | None = None  # … and when that call succeeded

    @property
    def is_open(self) -> bool:
        """Whether its instance is, or can still become, the server's."""
        return self.outcome in OPEN


@dataclass(frozen=True, slots=True)
class InstanceView:
    """One instance that carries the server's id in its key."""

    pk: int
    instance_id: str
    attempt_number: int
    location: str
    first_seen: datetime
    live: bool = True
    failed: bool = False  # the cloud reports that it failed
    halted: bool = False  # it is neither running nor on the way there
    unclear: bool = False  # … by a status whose meaning is not known
    stopped: bool = False  # … since it is kept, but off
    interrupted: bool = False  # a spot instance that the cloud takes or took back
    condemned: bool = False
    address: str = ""
    fault: str = ""
    raw_status: str = ""
    missed_from: datetime | None = None
    destroy_asked_at: datetime | None = None
    destroy_failures: int = 0
    destroy_error: str = ""


@dataclass(frozen=True, slots=True)
class LocationView:
    """A location that an attempt of the server named, or that the next one may use.

    ``first_look`` and ``last_look`` are the starts of the first and of the newest
    complete listing that began after ``quiet_from`` of the server, or None.
    Of the location's ``live`` instances, ``missing`` were not in the newest listing.
    Of its ``running`` servers, ``checked`` have been checked, and ``failing`` of those
    failed their last check. Lately, ``lost`` others failed so many in a row that they
    lost their health, and ``ended`` others lost their instances.
    """

    location: str
    name: str
    pace: Pace
    no_create: str = ""  # why creates are blocked; "" if they are not
    no_destroy: str = ""
    closed: str = ""  # why no call that changes something is sent there
    newest: datetime | None = None
    first_look: datetime | None = None
    last_look: datetime | None = None
    live: int = 0
    missing: int = 0
    running: int = 0
    checked: int = 0
    failing: int = 0
    lost: int = 0
    ended: int = 0


@dataclass(frozen=True, slots=True)
class Placement:
    """Where the server can be created, and as what.

    ``position`` is its place in the template's list, which is tried in order.
    ``account`` is the key of an account.
    """

    position: int
    account: Any = None
    region: str = ""
    image: str = ""
    size: str = ""
    ssh_key: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    spot: bool = False
    price_per_hour: Decimal | None = None  # its own, as people set it
    currency: str = ""


@dataclass(frozen=True, slots=True)
class PlacementView:
    """A placement, and what blocks it now."""

    placement: Placement
    name: str
    location: str
    hold: Hold = Hold.NONE
    because: str = ""  # what blocks it, as a sentence
    until: datetime | None = None  # when that ends, if known
    rank: str = ""  # why it stands where it does in the order, as a sentence
    full_in: str = ""  # the region, and the part of it, if it was full lately
    quota_full: bool = False  # … because of the account's quota, not of capacity
    full_since: datetime | None = None  # when some server found that …
    full_until: datetime | None = None  # … and until when others are tried first


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One server at one moment."""

    state: State
    state_since: datetime
    created_at: datetime
    attempt_number: int = 0
    tried_from: int = 0  # attempts up to this number were before a retry
    failures: int = 0  # failed calls in a row
    jitter: float = 0.5  # 0..1, fixed for the server; spreads the back-offs
    instance_id: str = ""
    deadline_at: datetime | None = None
    ttl: timedelta | None = None
    protected: bool = False
    cordoned: bool = False
    trial_until: datetime | None = (
        None  # for a trial of its template: when it ends at the latest
    )
    want: Want = Want.RUN
    was_ready: bool = False  # its instance has been ready
    failed: bool = False  # it was in error, and was not ready since
    waiting: str = ""  # what its last step waited for
    drain: timedelta = timedelta(hours=1)  # the longest wait for its builds
    replaces: bool = False  # if it loses its health, another one is created
    kept: str = ""  # why it is not ended, as a sentence, although it is of no use
    host: HostView = field(default_factory=HostView)
    machine: Machine = field(default_factory=Machine)
    limits: Limits = field(default_factory=Limits)
    positions: tuple[int, ...] = (0,)  # of all its placements
    placements: tuple[PlacementView, ...] = ()  # loaded for pending servers only
    attempts: tuple[AttemptView, ...] = ()
    instances: tuple[InstanceView, ...] = ()
    locations: tuple[LocationView, ...] = ()

    @property
    def attempt(self) -> AttemptView | None:
        """The current attempt, or None before the first."""
        for attempt in self.attempts:
            if attempt.number == self.attempt_number:
                return attempt
        return None

    @property
    def ends_at(self) -> datetime | None:
        """When its ttl or its trial ends while it boots or runs; None: never."""
        if self.protected or self.state not in BOOTING | {State.RUNNING}:
            return None
        ends = [self.created_at + self.ttl if self.ttl else None, self.trial_until]
        return min((time for time in ends if time is not None), default=None)

    @property
    def own_instance(self) -> InstanceView | None:
        """The instance that the server's row names, or None."""
        for instance in self.instances:
            if (
                instance.instance_id == self.instance_id
                and instance.attempt_number == self.attempt_number
            ):
                return instance
        return None

    @property
    def live_instances(self) -> tuple[InstanceView, ...]:
        """All live instances with the server's id, doubles and orphans included."""
        return tuple(instance for instance in self.instances if instance.live)

    def location(self, location: str) -> LocationView:
        """Return the view of ``location``. Raise KeyError if it was not loaded."""
        for view in self.locations:
            if view.location == location:
                return view
        raise KeyError(location)
