"""A pool's servers, as its plan sees them."""

from dataclasses import dataclass
from enum import StrEnum


class Phase(StrEnum):
    """What a server is worth to its pool."""

    BOOTING = "booting"
    READY = "ready"
    BROKEN = "broken"  # it serves no job, and counts until it is gone
    ENDING = "ending"  # it drains, or is being destroyed


class Cordon(StrEnum):
    """Who keeps new jobs from a server."""

    NONE = ""
    POOL = "pool"  # a plan, which may take it back
    OTHER = "other"  # a person, or a check of its health


@dataclass(frozen=True, slots=True)
class Member:
    """One server of a pool. Any that is not proven gone is one.

    ``busy`` is how many jobs its agent says it runs, or None if nobody says.
    Past ``boots_until``, a boot is not counted on. ``failed_early``: it failed its
    checks soon after it had become ready.
    """

    name: str
    phase: Phase
    slots: int
    created_at: float
    boots_until: float = 0.0
    ready_at: float | None = None
    busy: int | None = None
    used: int = 0  # jobs that it has begun
    cordon: Cordon = Cordon.NONE
    protected: bool = False
    failed_early: bool = False
