"""The report: counts for each location, and its oldest rows by name."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from servers.lifecycle.states import Verdict
from servers.models import Instance, Leftover, Location, Server


@dataclass(frozen=True, slots=True)
class Counted:
    """How many there are, whether listed by name or not."""

    total: int = 0
    outside: int = 0  # older than the bound
    waiting: int = 0  # a person must decide

    @property
    def inside(self) -> int:
        """How many are within the bound."""
        return self.total - self.outside

    def __add__(self, other: "Counted") -> "Counted":
        """Return both together."""
        return Counted(
            self.total + other.total,
            self.outside + other.outside,
            self.waiting + other.waiting,
        )


NONE: Final = Counted()
UNOWNED: Final = (Verdict.ORPHAN, Verdict.DOUBLE, Verdict.UNEXPLAINED)
# Was unexplained until a person had it destroyed. No decision is needed any more.
DECIDED: Final = "decided"


@dataclass(frozen=True, slots=True)
class Finding:
    """One instance that no server owns."""

    instance: Instance
    age: timedelta
    outside: bool  # older than the bound
    next: str  # what happens to it, as a sentence
    held: bool = False  # destroyed only if a person decides so

    @property
    def is_under_way(self) -> bool:
        """Whether it is decided: only destruction and confirmation are left."""
        return self.instance.condemned_at is not None

    @property
    def is_unexplained(self) -> bool:
        """Whether a person can adopt it."""
        instance = self.instance
        return instance.verdict == Verdict.UNEXPLAINED and not instance.condemned_at

    @property
    def waits(self) -> bool:
        """Whether a person must decide."""
        return self.is_unexplained or self.held


@dataclass(frozen=True, slots=True)
class Unconfirmed:
    """One server that is being terminated and is not confirmed gone."""

    server: Server
    age: timedelta
    outside: bool


@dataclass(frozen=True, slots=True)
class Remainder:
    """One leftover of an ended instance."""

    leftover: Leftover
    age: timedelta
    outside: bool
    next: str

    @property
    def waits(self) -> bool:
        """Whether a person can have it deleted now."""
        return self.leftover.condemned_at is None


@dataclass(frozen=True, slots=True)
class LocationReport:
    """One account in one region.

    ``findings``, ``unconfirmed`` and ``leftovers`` name the oldest MAX_NAMED;
    ``by_verdict`` (with DECIDED apart), ``ending`` and ``left`` count all.
    """

    location: Location
    bound: timedelta
    owned: int
    by_verdict: Mapping[str, Counted] = field(default_factory=dict)
    ending: Counted = NONE
    left: Counted = NONE
    findings: tuple[Finding, ...] = ()
    unconfirmed: tuple[Unconfirmed, ...] = ()
    leftovers: tuple[Remainder, ...] = ()
    is_fresh: bool = False  # its last complete listing is recent enough to count

    @property
    def unowned(self) -> Counted:
        """All live instances that no server owns."""
        return sum(self.by_verdict.values(), NONE)

    @property
    def live(self) -> int:
        """All live instances."""
        return self.owned + self.unowned.total

    @property
    def waiting(self) -> int:
        """How many of its instances wait for a person."""
        return self.unowned.waiting

    @property
    def is_clean(self) -> bool:
        """Whether nothing is outside the bound or held, as a fresh listing shows."""
        late = self.unowned.outside + self.ending.outside + self.left.outside
        return self.is_fresh and not late and not self.location.held


@dataclass(frozen=True, slots=True)
class Report:
    """All locations at one moment."""

    at: datetime
    locations: tuple[LocationReport, ...] = field(default_factory=tuple)

    @property
    def is_clean(self) -> bool:
        """Whether every location is clean."""
        return all(location.is_clean for location in self.locations)
