"""The health of an account, derived from its locations: each region has its own."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from servers.models import Location
from servers.models.account import UNHEALTHY

# Worst first. A location without a listing says nothing about the others.
_ORDER: Final = (
    Location.Health.WRONG_CLOCK,
    Location.Health.REFUSED,
    Location.Health.FAILING,
    Location.Health.OK,
    Location.Health.UNKNOWN,
)


@dataclass(frozen=True, slots=True)
class Health:
    """The worst health among the locations, with the region if there are several."""

    health: Location.Health = Location.Health.UNKNOWN
    note: str = ""
    since: datetime | None = None

    @property
    def is_bad(self) -> bool:
        """Whether it keeps servers from being created or destroyed."""
        return self.health in UNHEALTHY


def summarise_health(locations: Iterable[Location]) -> Health:
    """Return the health of an account with these locations."""
    rows = sorted(
        locations,
        key=lambda row: (_ORDER.index(Location.Health(row.health)), row.region),
    )
    if not rows:
        return Health()
    worst = rows[0]
    found = Health(Location.Health(worst.health), worst.error, worst.health_since)
    if not found.is_bad or len(rows) == 1 or not worst.region:
        return found
    others = [row.region for row in rows[1:] if row.health in UNHEALTHY]
    note = f"{worst.region}: {worst.error}"
    if others:
        some = ", ".join(others[:5]) + (" …" if len(others) > 5 else "")
        note += f" Also affected: {some}."
    return Health(found.health, note, found.since)
