"""The intent: what is recorded of an attempt before its create call is sent.

It locks the account before the server and its attempt.
"""

from datetime import datetime
from typing import Final

from django.db import transaction

from servers.clouds.base import CreateSpec
from servers.lifecycle.billing import Price
from servers.lifecycle.snapshot import Placement
from servers.lifecycle.states import Event
from servers.machine.certificates import Keys
from servers.models import Account, Attempt, Queue, Server
from servers.records.attempts import dump_spec
from servers.records.callbacks import list_callback_columns
from servers.records.keys import (
    list_host_columns,
    list_server_columns,
    write_host,
)
from servers.records.leases import Lease
from servers.records.ledger import move
from servers.records.limits import count_recent_creates, count_servers
from servers.records.prepared import Prepared, PreparedInsert
from servers.records.registrations import ask_registration

# Locked until the transaction ends.
_LIMITS: Final = Prepared(
    Account,
    lambda slot: (
        Account.objects.select_for_update(no_key=True)
        .filter(pk=slot("id"))
        .values_list("enabled", "max_servers", "creates_per_minute")
        .order_by()
    ),
)
_NEW_ATTEMPT: Final = PreparedInsert(Attempt)


def write_intent(
    server: Server,
    lease: Lease,
    *,
    placement: Placement,
    account: Account,
    provider: str,
    price: Price,
    spec: CreateSpec,
    note: str = "",
    keeps_spec: bool,
    keys: Keys | None = None,
    callback_digest: str = "",
    queue: Queue | None = None,
    now: datetime,
    deadline_at: datetime,
) -> Attempt | None:
    """Claim the row, write the attempt and move ``pending → creating``, all at once.

    ``note`` says how its placement and its image were chosen. The attempt keeps
    ``price`` for good: a later price changes nothing of what its instance costs. With
    ``keeps_spec``, it keeps its parameters until its instance is finished. ``keys`` are
    new ones of the server, to be stored. ``callback_digest`` is of the token that only
    this attempt's instance calls back with. ``queue`` is whose CI is asked next to
    register its agent. None means that no call may be sent: the
    row moved or was claimed, the lease would be over already, or the account, counted
    under its lock, has reached a limit. The next step finds out why.
    """
    number = server.attempt_number + 1
    with transaction.atomic():
        if not _has_room(account, server, now=now):
            return None
        moved = move(
            server,
            Event.ATTEMPT_WRITTEN,
            reason=" ".join(
                filter(
                    None,
                    (
                        f"Attempt {number}: {placement.size} in",
                        f"{account.name} {placement.region}".strip() + ".",
                        note,
                    ),
                )
            ),
            now=now,
            claim=lease,
            changes={
                "attempt_number": number,
                "placement": placement.position,
                "account_id": account.pk,
                "region": placement.region,
                "image": spec.image,
                "size": placement.size,
                "provider": provider,
                "deadline_at": deadline_at,
                "next_step_at": lease.until,
                **(list_server_columns(server.pk, keys) if keys else {}),
            },
        )
        if not moved:
            return None
        known = list_host_columns(keys) if keys else {}
        if callback_digest:
            known |= list_callback_columns(number, callback_digest)
        if known:
            write_host(server.pk, known)
        attempt = Attempt(
            server=server,
            server_uid=server.pk,
            server_name=server.name,
            recipe_id=server.recipe_id,
            number=number,
            account=account,
            region=placement.region,
            size=placement.size,
            image=spec.image,
            placement=placement.position,
            price_per_hour=price.per_hour,
            currency=price.currency,
            pool=server.pool_id,
            note=note[:2000],
            key=spec.key,
            token=spec.token,
            asked_at=now,
            lease_end=lease.until,
            spec=dump_spec(spec) if keeps_spec else "",
        )
        _NEW_ATTEMPT.run(attempt)
        if queue is not None:
            ask_registration(attempt, queue)
        return attempt


def _has_room(account: Account, server: Server, *, now: datetime) -> bool:
    """Tell whether the account has room for one more, counting what is committed.

    Because of the lock, intents for one account and requests that count its servers
    (placing/caps.py) wait for each other.
    """
    for is_enabled, most, per_minute in _LIMITS.read(id=account.pk):
        # A server counts in the account where it was last tried: maybe already here.
        moves = account.pk != server.account_id
        if moves and count_servers([account.pk]).get(account.pk, 0) >= most:
            return False
        recent = count_recent_creates([account.pk], now=now).get(account.pk, 0)
        return bool(is_enabled) and recent < per_minute
    return False  # it was deleted
