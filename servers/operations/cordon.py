"""Cordon and uncordon servers: whether they get new builds."""

from django.db import transaction

from servers.errors import ConflictError
from servers.lifecycle.states import ENDING, State
from servers.messaging import dispatch
from servers.models import Host, Server
from servers.records import ledger
from servers.records.ledger import Fact, write_event
from servers.reports.selectors import find_server


def cordon_server(name: str) -> Server:
    """Send a server no new builds. Its running builds go on. Repeating changes nothing.

    A server that is not running yet starts cordoned. One that is being terminated gets
    no builds anyway, so nothing changes. Raises NotFoundError.
    """
    server = find_server(name)
    if server.state not in ENDING:
        _mark(server, cordoned=True)
    return server


def uncordon_server(name: str) -> Server:
    """Let a server take new builds again. Repeating changes nothing.

    Raises NotFoundError, or ConflictError if the server is being terminated.
    """
    server = find_server(name)
    if server.state in ENDING or not _mark(server, cordoned=False):
        raise ConflictError(
            f"{server.name} is being terminated or has stopped, so it gets no more "
            "builds. Create another server."
        )
    return server


def _mark(server: Server, *, cordoned: bool) -> bool:
    """Set or clear the mark. False: the server's termination was requested meanwhile.

    The row is locked, so of several people who ask at once one writes the event, and a
    termination, which cordons, is never undone.
    """
    now = ledger.database_now()
    with transaction.atomic():
        row = Server.objects.select_for_update(no_key=True).filter(pk=server.pk)
        seen = row.values_list("state", "cordoned").first()
        if seen is None or seen[0] in ENDING:
            return False
        if seen[1] != cordoned:
            row.update(cordoned=cordoned)
            if server.state == State.RUNNING and server.recipe.has_host:
                # The next check tells the agent, so it is due now.
                row.update(next_step_at=now)
                Host.objects.filter(server=server.pk).update(checked_at=None)
                dispatch.hint(dispatch.ADVANCE, server.pk)
            write_event(
                Fact.CORDONED if cordoned else Fact.UNCORDONED,
                server=server,
                reason="It gets no new builds. Running ones go on."
                if cordoned
                else "It takes new builds again.",
            )
    server.cordoned = cordoned
    return True
