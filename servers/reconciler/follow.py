"""Move the rows that waited for a listing, in batches and without their leases.

A batch is one transaction. It is short, because others may have to wait for it. If the
next step needs a call, it is left to the row's own step, which becomes due.
"""

from datetime import datetime
from typing import Final
from uuid import UUID

from django.db.models import Exists, OuterRef, Q

from servers.clouds.base import Meaning
from servers.engine import adopt_instance, find_shown_columns
from servers.lifecycle.decide import decide
from servers.lifecycle.decisions import (
    Adopt,
    Check,
    Decision,
    Move,
    Probe,
    Tell,
    Wait,
)
from servers.lifecycle.states import State
from servers.messaging import dispatch
from servers.models import Fleet, Instance, Location, Server
from servers.placing.snapshots import Loader
from servers.reconciler.compare import Comparison
from servers.records.aftermath import Change
from servers.records.ledger import move_all, write_in_turn

# States whose next step can depend on a listing alone. A stopping row needs two.
_WAITING = (State.CREATING, State.CREATED, State.STAGING, State.STOPPING)
_SHOWN: Final = Instance.objects.filter(server_uid=OuterRef("pk"), live=True).order_by()
_BOOTS: Final = _SHOWN.filter(
    instance_id=OuterRef("instance_id"),
    address="",
    meaning__in=(Meaning.BOOTING, Meaning.RUNNING),
    missed_from=None,
)
# Another listing changes nothing for these, unless it shows their instances changed.
# Their own steps look after their deadlines and repeat their calls.
_HAS_TO_WAIT: Final = Q(Exists(_BOOTS), state=State.CREATED) | Q(
    Exists(_SHOWN), state=State.STOPPING
)
# A server makes at most three moves after one listing: known, address, ready.
_MAX_MOVES = 4
_BATCH = 50


def follow_listing(
    location: Location, comparison: Comparison, *, fleet: Fleet, now: datetime
) -> None:
    """Move every row that the listing may allow to move."""
    waiting = Q(
        state__in=_WAITING,
        attempts__account=location.account_id,
        attempts__region=location.region,
    )
    rows = Server.objects.filter(waiting).exclude(_HAS_TO_WAIT)
    pks = set(rows.order_by().values_list("pk", flat=True)) | comparison.touched
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
    due = []
    for _ in range(_MAX_MOVES):
        loader = Loader(servers, fleet=fleet, now=now)
        moved, changes = [], []
        for server in servers:
            snapshot = loader.snapshot(server)
            decision = decide(snapshot, now)
            match decision:
                case Move():
                    columns = find_shown_columns(decision, snapshot)
                    changes.append(
                        Change(
                            server,
                            decision.event,
                            decision.reason,
                            columns,
                            decision.answer,
                        )
                    )
                case Adopt():
                    if adopt_instance(server, decision, now=now):
                        moved.append(server)
                case _ if not _has_to_wait(decision, server, now):
                    due.append(server.pk)
        if changes:
            moved += move_all(changes, now=now)
        servers = moved
        if not servers:
            break
    if due:
        _make_due(due, now)


def _has_to_wait(decision: Decision, server: Server, now: datetime) -> bool:
    """Tell whether nothing is to be done now. A planned look is not made sooner."""
    planned = server.next_step_at
    is_look = isinstance(decision, Probe | Check | Tell)
    return isinstance(decision, Wait) or (
        is_look and planned is not None and planned > now
    )


def _make_due(pks: list[UUID], now: datetime) -> None:
    rest = Q(next_step_at__isnull=True) | Q(next_step_at__gt=now)
    free = Q(lease_until__isnull=True) | Q(lease_until__lte=now)
    rows = Server.objects.filter(rest, free).exclude(state=State.STOPPED)
    write_in_turn(pks, lambda some: rows.filter(pk__in=some).update(next_step_at=now))
    for pk in pks:
        dispatch.hint(dispatch.ADVANCE, pk)
