"""Move the rows that waited for a listing, in batches and without their leases.

If the next step needs a call, it is left to the row's own step, which becomes due.
"""

from datetime import datetime

from django.db.models import Q

from servers.engine import apply_move
from servers.lifecycle.decide import decide
from servers.lifecycle.decisions import Adopt, Move, Wait
from servers.lifecycle.states import State
from servers.messaging import dispatch
from servers.models import Fleet, Location, Server
from servers.placing.snapshots import Loader
from servers.reconciler.compare import Comparison

# States whose next step can depend on a listing alone. A stopping row needs two.
_WAITING = (State.CREATING, State.CREATED, State.STAGING, State.STOPPING)
# A server makes at most three moves after one listing: known, address, ready.
_MOST_MOVES = 4
_BATCH = 500


def follow_listing(
    location: Location, comparison: Comparison, *, fleet: Fleet, now: datetime
) -> None:
    """Move every row that the listing may allow to move."""
    waiting = Q(
        state__in=_WAITING,
        attempts__account=location.account_id,
        attempts__region=location.region,
    )
    pks = set(Server.objects.filter(waiting).values_list("pk", flat=True))
    pks |= comparison.touched
    if not pks:
        return
    servers = list(
        Server.objects.filter(pk__in=sorted(pks))
        .exclude(state=State.STOPPED)
        .select_related("account", "recipe")
    )
    for start in range(0, len(servers), _BATCH):
        _follow(servers[start : start + _BATCH], fleet=fleet, now=now)


def _follow(servers: list[Server], *, fleet: Fleet, now: datetime) -> None:
    for _ in range(_MOST_MOVES):
        loader = Loader(servers, fleet=fleet, now=now)
        servers = [server for server in servers if _take_move(server, loader, now)]
        if not servers:
            return


def _take_move(server: Server, loader: Loader, now: datetime) -> bool:
    """Make one move. Return True if another may follow."""
    snapshot = loader.snapshot(server)
    decision = decide(snapshot, now)
    match decision:
        case Move() | Adopt():
            return apply_move(server, decision, snapshot, now=now)
        case Wait():
            return False
        case _:
            _make_due(server, now)
            return False


def _make_due(server: Server, now: datetime) -> None:
    Server.objects.filter(pk=server.pk, state=server.state).filter(
        Q(next_step_at__isnull=True) | Q(next_step_at__gt=now)
    ).filter(Q(lease_until__isnull=True) | Q(lease_until__lte=now)).update(
        next_step_at=now
    )
    dispatch.hint(dispatch.ADVANCE, server.pk)
