"""A pool's servers, as its plan sees them."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.db.models import Count, Exists, F, OuterRef

from servers.lifecycle.pools.members import Cordon, Member, Phase
from servers.lifecycle.snapshot import Limits
from servers.lifecycle.states import BOOTING, State
from servers.models import Pool, PoolJob, Server
from servers.records.limits import COUNTED

Row = tuple[Any, ...]  # of _READ
_READ = (
    *("pool", "name", "state", "capacity", "created_at", "deadline_at", "ready_at"),
    *("cordoned", "protected"),
)

# Of a boot without a deadline yet.
_NEVER: float = 1e18


def read_members(pools: Collection[UUID]) -> dict[UUID, list[Row]]:
    """Return the rows of all servers of pools that are not proven gone, by pool.

    One query. A pool without servers is left out.
    """
    found: dict[UUID, list[Row]] = {}
    rows = COUNTED.filter(pool__in=pools).order_by("created_at", "pk")
    for row in rows.values_list(*_READ):
        found.setdefault(row[0], []).append(row)
    return found


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a pool's servers besides their rows, by their names.

    ``cordoned`` are those that a plan of the pool has cordoned, and ``uses`` is how
    many jobs each has run, as far as that matters. ``busy`` is how many each runs now,
    as far as its agent says. ``early`` are those that failed soon after they had become
    ready.
    """

    cordoned: Collection[str] = ()
    uses: Mapping[str, int] = field(default_factory=dict)
    busy: Mapping[str, int] = field(default_factory=dict)
    early: Collection[str] = ()


def show_members(rows: Iterable[Row], known: Known) -> tuple[Member, ...]:
    """Return the servers of one pool, whose rows were read."""
    return tuple(_show(row, known) for row in rows)


def find_early(members: Mapping[UUID, Sequence[Row]], limits: Limits) -> set[str]:
    """Return the names of servers that failed their checks soon after they were ready.

    Not of those whose instances ended: that says nothing against their templates. One
    query, and none if no server of the pools has failed.
    """
    pools = {
        pool
        for pool, rows in members.items()
        if any(row[2] == State.ERROR for row in rows)
    }
    if not pools:
        return set()
    failed = Server.objects.filter(
        pool__in=pools,
        state=State.ERROR,
        host__failures__gte=limits.checks,
        lost_at__gte=F("ready_at"),
        lost_at__lt=F("ready_at") + limits.proven,
    )
    return set(failed.values_list("name", flat=True))


def count_uses(pools: Collection[Pool]) -> dict[str, int]:
    """Return how many jobs each server of pools has run at their queues, by name.

    One query, and none without pools.
    """
    if not pools:
        return {}
    living = COUNTED.filter(
        pool__in=[pool.pk for pool in pools],
        pool__queue=OuterRef("queue"),
        name=OuterRef("server"),
    )
    rows = PoolJob.objects.filter(
        Exists(living), queue__in={pool.queue_id for pool in pools}
    ).exclude(server="")
    return dict(rows.order_by().values_list("server").annotate(Count("pk")))


def _show(row: Row, known: Known) -> Member:
    _, name, state, slots, created, deadline, ready, is_cordoned, protected = row
    cordon = Cordon.NONE
    if is_cordoned:
        cordon = Cordon.POOL if name in known.cordoned else Cordon.OTHER
    return Member(
        name=name,
        phase=_find_phase(State(state)),
        slots=slots,
        created_at=created.timestamp(),
        boots_until=deadline.timestamp() if deadline else _NEVER,
        ready_at=ready.timestamp() if ready else None,
        busy=known.busy.get(name),
        used=known.uses.get(name, 0),
        cordon=cordon,
        protected=protected,
        failed_early=name in known.early,
    )


def _find_phase(state: State) -> Phase:
    if state in BOOTING:
        return Phase.BOOTING
    if state is State.RUNNING:
        return Phase.READY
    return Phase.BROKEN if state is State.ERROR else Phase.ENDING
