"""Replace a lost server: create another one, and terminate this one.

Both happen in one transaction, which takes this server only if nobody else has moved
it. So there is one replacement or none, whichever process dies.
"""

from datetime import datetime, timedelta

from django.db import transaction

from servers.engine.moves import hasten_pool
from servers.errors import ConflictError
from servers.lifecycle.decisions import Replace
from servers.lifecycle.snapshot import Placement
from servers.lifecycle.states import Event
from servers.messaging import dispatch
from servers.models import Account, Fleet, Server
from servers.placing.caps import hold_caps
from servers.placing.locations import ensure_location
from servers.placing.pending import build_pending
from servers.placing.placements import Wanted
from servers.records.ledger import insert_servers, move


class _MovedError(Exception):
    """Somebody else has moved the server. Nothing is created."""


def replace_server(
    server: Server, first: Placement, call: Replace, *, fleet: Fleet, now: datetime
) -> bool:
    """Create a server like this one, which drains from then on.

    ``first`` is where it is created first. If a limit leaves no room for another one,
    this one is moved as ``call`` says. Return False if it was moved meanwhile.
    """
    event = Event.STOP_REQUESTED
    try:
        with transaction.atomic():
            _swap(server, first, call.reason, fleet=fleet, now=now)
    except _MovedError:
        return False
    except (ConflictError, Account.DoesNotExist) as refused:
        why = refused.message if isinstance(refused, ConflictError) else ""
        event = call.otherwise
        moved = move(
            server,
            event,
            reason=f"{call.reason} It was not replaced. {why}".rstrip(),
            now=now,
            fence=server.fence,
        )
        if not moved:
            return False
    hasten_pool(server, event)
    return True


def _swap(
    server: Server, first: Placement, reason: str, *, fleet: Fleet, now: datetime
) -> None:
    # The limits lock the fleet and the account, so they come before the server.
    if server.recipe.template is None:
        raise ConflictError("Its template was deleted.")
    account = Account.objects.get(pk=first.account)
    other = _build(server, first, account, now=now)
    insert_servers([other], reason=f"It replaces {server.name}.")
    hold_caps(
        server.recipe,
        account_id=account.pk,
        fleet_has_cap=fleet.max_servers is not None,
        inserted=1,
    )
    ensure_location(account, first.region)
    moved = move(
        server,
        Event.STOP_REQUESTED,
        reason=f"{reason} {other.name} replaces it.",
        now=now,
        fence=server.fence,
        changes={"lost_at": now},
    )
    if not moved:
        raise _MovedError
    dispatch.hint(dispatch.ADVANCE, other.pk)


def _build(
    server: Server, first: Placement, account: Account, *, now: datetime
) -> Server:
    """Return a server of the same version, with what is left of the ttl."""
    ttl = server.ttl
    if ttl:
        ends = server.created_at + timedelta(seconds=ttl)
        ttl = max(1, int((ends - now).total_seconds()))
    return build_pending(
        server.recipe,
        first,
        account,
        Wanted(server.wanted_image, server.wanted_region, server.wanted_size),
        capacity=server.capacity,
        labels=server.labels,
        ttl=ttl,
        pool_id=server.pool_id,
        created_by=server.created_by,
        now=now,
    )
