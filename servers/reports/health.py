"""The health of an account, derived from its locations: each region has its own."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from servers.models import Scope

# Worst first. A location without a listing says nothing about the others.
_ORDER: Final = (
    Scope.Health.REFUSED,
    Scope.Health.FAILING,
    Scope.Health.OK,
    Scope.Health.UNKNOWN,
)


@dataclass(frozen=True, slots=True)
class Health:
    """The worst health among the locations, with the region if there are several."""

    health: Scope.Health = Scope.Health.UNKNOWN
    note: str = ""
    since: datetime | None = None

    @property
    def is_bad(self) -> bool:
        """Whether it keeps servers from being created or destroyed."""
        return self.health in {Scope.Health.REFUSED, Scope.Health.FAILING}


def summarise_health(locations: Iterable[Scope]) -> Health:
    """Return the health of an account with these locations."""
    rows = sorted(
        locations, key=lambda row: (_ORDER.index(Scope.Health(row.health)), row.region)
    )
    if not rows:
        return Health()
    worst = rows[0]
    found = Health(Scope.Health(worst.health), worst.error, worst.health_since)
    if not found.is_bad or len(rows) == 1 or not worst.region:
        return found
    others = [
        row.region
        for row in rows[1:]
        if row.health in {Scope.Health.REFUSED, Scope.Health.FAILING}
    ]
    note = f"{worst.region}: {worst.error}"
    if others:
        some = ", ".join(others[:5]) + (" …" if len(others) > 5 else "")
        note += f" Also affected: {some}."
    return Health(found.health, note, found.since)
