"""Addresses of instances that change while their servers boot or run."""

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from servers.lifecycle.states import State
from servers.models import Server
from servers.records.ledger import Fact, write_event


def follow_addresses(
    addresses: Mapping[tuple[UUID | None, str], str], *, now: datetime
) -> None:
    """Set servers' addresses to those that the cloud shows now.

    The keys are servers and their instances.
    """
    if not addresses:
        return
    for server in Server.objects.filter(
        pk__in={pk for pk, _ in addresses}, state__in=(State.STAGING, State.RUNNING)
    ):
        address = addresses.get((server.pk, server.instance_id), server.address)
        if server.address == address:
            continue
        Server.objects.filter(pk=server.pk, state=server.state).update(
            address=address, updated_at=now
        )
        write_event(
            Fact.CHANGED,
            server=server,
            reason=f"Its address changed from {server.address} to {address}.",
        )
