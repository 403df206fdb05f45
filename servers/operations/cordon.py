"""Cordon and uncordon servers: whether they are to get new builds.

The mark is written here, together with the time since when the agent may not follow it.
The server's next step tells the agent, or starts it again.
"""

from django.db import transaction

from servers.errors import ConflictError
from servers.lifecycle.states import ENDING, State
from servers.messaging import dispatch
from servers.models import Host, Server
from servers.placing.machines import say_cordon
from servers.records import ledger
from servers.records.ledger import Fact, write_event
from servers.reports.selectors import find_server


def cordon_server(name: str) -> Server:
    """Mark a server to get no new builds. Running ones go on.

    Repeating it changes nothing. A server that is not running yet starts cordoned. One
    that is being terminated gets no builds anyway, so nothing changes. Raises
    NotFoundError.
    """
    server = find_server(name)
    if server.state not in ENDING:
        _mark(server, cordoned=True)
    return server


def uncordon_server(name: str) -> Server:
    """Take the mark back, so that a server gets builds again.

    Repeating it changes nothing. Raises NotFoundError, or ConflictError if the server
    is being terminated.
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
            if server.recipe.has_agent:
                # Before its first instance there is no such record, nor an agent.
                Host.objects.filter(pk=server.pk).update(agent_behind_since=now)
            if seen[0] == State.RUNNING:
                row.update(next_step_at=now, waiting="")
                dispatch.hint(dispatch.ADVANCE, server.pk)
            elif seen[0] == State.STAGING:
                # It may run in a moment, by a step that does not know of this.
                row.update(next_step_at=now)
            hint_cordon(server)
            write_event(
                Fact.CORDONED if cordoned else Fact.UNCORDONED,
                server=server,
                reason=say_cordon(server) if cordoned else "It can get builds again.",
            )
    server.cordoned = cordoned
    return True


def hint_cordon(server: Server) -> None:
    """After the commit, have the CI told of a server whose mark has changed."""
    if server.pool_id is not None:
        dispatch.hint(dispatch.CORDON, server.pool_id)
