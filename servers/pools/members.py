"""A pool's servers, as its plan sees them."""

from collections.abc import Collection, Mapping
from typing import Any
from uuid import UUID

from django.db.models import Count, Exists, OuterRef

from servers.lifecycle.pools.members import Cordon, Member, Phase
from servers.lifecycle.states import BOOTING, State
from servers.models import Pool, PoolJob
from servers.records.limits import COUNTED

_READ = (
    *("name", "state", "capacity", "created_at", "deadline_at", "ready_at"),
    *("cordoned", "protected"),
)
# Of a boot without a deadline yet.
_NEVER: float = 1e18


def load_members(
    pool_id: UUID,
    cordoned: Collection[str],
    uses: Mapping[str, int],
    busy: Mapping[str, int],
) -> tuple[Member, ...]:
    """Return all servers of a pool that are not proven gone. One query.

    ``cordoned`` names those that a plan of the pool has cordoned, and ``uses`` is how
    many jobs each has run, as far as that matters. ``busy`` is how many each runs now,
    as far as its agent says.
    """
    rows = COUNTED.filter(pool=pool_id).order_by("created_at", "pk")
    return tuple(_show(row, cordoned, uses, busy) for row in rows.values_list(*_READ))


def count_uses(pool: Pool) -> dict[str, int]:
    """Return how many jobs each of a pool's servers has run, by name. One query."""
    living = COUNTED.filter(pool=pool, name=OuterRef("server"))
    rows = PoolJob.objects.filter(Exists(living), queue=pool.queue_id).exclude(
        server=""
    )
    return dict(rows.order_by().values_list("server").annotate(Count("pk")))


def _show(
    row: tuple[Any, ...],
    cordoned: Collection[str],
    uses: Mapping[str, int],
    busy: Mapping[str, int],
) -> Member:
    name, state, slots, created, deadline, ready, is_cordoned, protected = row
    cordon = Cordon.NONE
    if is_cordoned:
        cordon = Cordon.POOL if name in cordoned else Cordon.OTHER
    return Member(
        name=name,
        phase=_find_phase(State(state)),
        slots=slots,
        created_at=created.timestamp(),
        boots_until=deadline.timestamp() if deadline else _NEVER,
        ready_at=ready.timestamp() if ready else None,
        busy=busy.get(name),
        used=uses.get(name, 0),
        cordon=cordon,
        protected=protected,
    )


def _find_phase(state: State) -> Phase:
    if state in BOOTING:
        return Phase.BOOTING
    if state is State.RUNNING:
        return Phase.READY
    return Phase.BROKEN if state is State.ERROR else Phase.ENDING
