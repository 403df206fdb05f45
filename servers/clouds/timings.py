"""A cloud's timings, and which of them fit together."""

from dataclasses import dataclass
from typing import Final

# Lower limits, in seconds. Shorter timings leave no time for the work itself.
LEAST_TIMINGS: Final = {
    "call": 0.1,
    "lease": 1.0,
    "settle": 0.0,
    "grace": 0.0,
    "lag": 0.0,
    "listing_busy": 0.05,
    "listing_idle": 0.05,
    "gate": 1.0,
}


@dataclass(frozen=True, slots=True)
class Timings:
    """A cloud's timings in seconds. The defaults suit a public cloud.

    ``settle`` must exceed the cloud's processing time plus its visibility lag, counted
    from the end of the lease that covered the call. Raises ValueError with a sentence
    for timings with which a server could never be terminated.
    """

    call: float = 60.0  # the total deadline of one call; less than half the lease
    lease: float = 150.0  # how long one worker may keep a row leased
    settle: float = 120.0  # this long after the lease's end, no request can take effect
    grace: float = 300.0  # age at which an instance without an owner is condemned
    lag: float = 5.0  # time between two looks for them to count as two
    listing_busy: float = 5.0  # between listings while something is changing
    listing_idle: float = 30.0
    gate: float = 300.0  # a listing older than this does not open the gate

    def __post_init__(self) -> None:
        if wrong := self._explain_wrong():
            raise ValueError(wrong)

    def _explain_wrong(self) -> str:
        """Return what is wrong with the timings against each other, or ""."""
        for name, least in LEAST_TIMINGS.items():
            if getattr(self, name) < least:
                return f"{name} must be at least {least:g} s."
        if self.call >= self.lease / 2:
            return (
                f"call ({self.call:g} s) must be less than half of lease "
                f"({self.lease:g} s), so that a call ends while its worker still has "
                "the lease."
            )
        if self.lag > self.settle:
            return (
                f"lag ({self.lag:g} s) must be at most settle ({self.settle:g} s), "
                "when all effects of a call must be visible."
            )
        if self.lag > self.grace:
            return (
                f"lag ({self.lag:g} s) must be at most grace ({self.grace:g} s), since "
                "an orphan must be seen twice before it is destroyed."
            )
        if self.listing_busy > self.listing_idle:
            return (
                f"listing_busy ({self.listing_busy:g} s) must be at most listing_idle "
                f"({self.listing_idle:g} s). It applies while something is changing."
            )
        if self.gate < self.listing_idle + self.call:
            return (
                f"gate ({self.gate:g} s) must be at least listing_idle plus call "
                f"({self.listing_idle + self.call:g} s). Otherwise it closes between "
                "two listings."
            )
        return ""
