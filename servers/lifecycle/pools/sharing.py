"""How pools share a cap, such as an account's: none may crowd out another.

What a pool needed of late is kept for it, up to an equal share, although it does not
need it now: a queue that floods takes the rest.
"""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Use:
    """What a pool has of a cap. ``peak`` is the most that it had or wanted of late."""

    servers: int
    peak: int = 0
    least: int = 0  # its min


def share_room(cap: int, uses: Mapping[str, Use]) -> dict[str, int]:
    """Return how many servers each pool may add now, by pool.

    The rooms overlap: whoever comes first takes from what no pool is kept.
    """
    left = cap - sum(use.servers for use in uses.values())
    share = cap // len(uses) if uses else 0
    kept = {
        name: max(0, min(share, max(use.peak, use.least)) - use.servers)
        for name, use in uses.items()
    }
    reserved = sum(kept.values())
    return {name: max(0, left - reserved + kept[name]) for name in uses}
