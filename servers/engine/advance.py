"""Take a step of a server, if it is due and free."""

from typing import Final
from uuid import UUID

from django.db.models import Q
from django.db.models.functions import Now

from servers.engine.step import Step
from servers.messaging import dispatch
from servers.models import Server
from servers.placing.call_slots import (
    BusyError,
    await_slot,
    check_call_slot,
    leave_line,
)
from servers.records import leases
from servers.records.prepared import Prepared

# Keys and certificates, which are long and which no step reads.
_UNREAD: Final = ("secret", "ca_key", "ca_cert", "tls_key", "tls_cert")

_DUE: Final = Prepared(
    Server,
    lambda slot: (
        Server.objects.select_related("account", "recipe")
        .defer(*_UNREAD)
        .filter(pk=slot("id"), next_step_at__lte=Now() + dispatch.AGAIN)
        .filter(Q(lease_until__isnull=True) | Q(lease_until__lte=Now()))
        .order_by()
    ),
)


def advance(server_id: UUID) -> None:
    """Take one step of a server, if it is due and free. Safe to call at any time.

    A tick that sends a hint postpones the row, so that the hint is not sent again soon.
    What is due even later was done already: if a worker has fallen behind, most of its
    hints are duplicates.
    """
    for server in _DUE.read(id=server_id):
        _advance(server)


def _advance(server: Server) -> None:
    try:
        check_call_slot(server.account)
    except BusyError as busy:
        # Before anything is loaded: if a cloud hangs, many rows are turned away here.
        leases.postpone(server, wait=busy.wait)
        await_slot(busy, dispatch.ADVANCE, server.pk)
        return
    leave_line(dispatch.ADVANCE, server.pk)
    Step(server).run()
