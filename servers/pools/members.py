"""A pool's servers, as its plan sees them."""

from collections.abc import Collection
from uuid import UUID

from servers.lifecycle.pools.members import Cordon, Member, Phase
from servers.lifecycle.states import BOOTING, State
from servers.models import Server
from servers.records.limits import COUNTED

_READ = (
    *("name", "state", "capacity", "created_at", "deadline_at", "ready_at"),
    *("cordoned", "protected"),
)
# Of a boot without a deadline yet.
_NEVER: float = 1e18


def load_members(pool_id: UUID, cordoned: Collection[str]) -> tuple[Member, ...]:
    """Return all servers of a pool that are not proven gone. One query.

    ``cordoned`` names those that a plan of the pool has cordoned.
    """
    rows = COUNTED.filter(pool=pool_id).only(*_READ).order_by("created_at", "pk")
    return tuple(_show(row, cordoned) for row in rows)


def _show(server: Server, cordoned: Collection[str]) -> Member:
    cordon = Cordon.NONE
    if server.cordoned:
        cordon = Cordon.POOL if server.name in cordoned else Cordon.OTHER
    deadline = server.deadline_at
    return Member(
        name=server.name,
        phase=_find_phase(State(server.state)),
        slots=server.capacity,
        created_at=server.created_at.timestamp(),
        boots_until=deadline.timestamp() if deadline else _NEVER,
        ready_at=server.ready_at.timestamp() if server.ready_at else None,
        cordon=cordon,
        protected=server.protected,
    )


def _find_phase(state: State) -> Phase:
    if state in BOOTING:
        return Phase.BOOTING
    if state is State.RUNNING:
        return Phase.READY
    return Phase.BROKEN if state is State.ERROR else Phase.ENDING
