"""Terminate, protect and retry servers."""

from django.db import transaction

from servers.errors import ConflictError
from servers.lifecycle.ending import leaves_list
from servers.lifecycle.states import ENDING, Event, Outcome, State, Want
from servers.messaging import dispatch
from servers.models import Attempt, Instance, Server
from servers.operations.cordon import hint_cordon
from servers.records import ledger
from servers.records.ledger import Fact, write_event
from servers.reports.selectors import find_server

# How often to retry if the server changes between the read and the update.
_SWAPS = 20


def terminate_server(
    name: str, *, force: bool = False, reason: str = "Termination requested."
) -> Server | None:
    """Request the termination of a server. Repeating the request changes nothing.

    It drains first: its running builds finish. With ``force`` its
    instance is destroyed at once, also if it drains already. With ``force`` or without
    an instance, a failed server leaves the list at once (None), and anything left at
    the cloud is destroyed in the background. Raises NotFoundError or ConflictError
    (protected).
    """
    for _ in range(_SWAPS):
        server = find_server(name)
        if server.state in ENDING:
            if force and server.state == State.SHUTDOWN:
                _skip_drain(server)
            return server
        if server.protected:
            raise ConflictError(f"{server.name} is protected. Unprotect it first.")
        hide = leaves_list(
            State(server.state), instance_id=server.instance_id, force=force
        )
        want = Want.NOW if force else Want.GONE
        if _request_stop(server, hide=hide, want=want, reason=reason):
            return None if hide else server
    raise ConflictError(f"{name} is changing too quickly. Try again.")


def _request_stop(server: Server, *, hide: bool, want: Want, reason: str) -> bool:
    now = ledger.database_now()
    with transaction.atomic():
        moved = ledger.move(
            server,
            Event.STOP_REQUESTED,
            reason="Removed from the list." if hide else reason,
            now=now,
            changes={"hidden": hide, "want": want},
        )
        if moved:
            dispatch.hint(dispatch.ADVANCE, server.pk)
            hint_cordon(server)
    return moved


def _skip_drain(server: Server) -> None:
    """End the drain of a server, if it drains and nobody has ended its drain yet."""
    now = ledger.database_now()
    draining = Server.objects.filter(pk=server.pk, state=State.SHUTDOWN)
    with transaction.atomic():
        changed = draining.exclude(want=Want.NOW).update(
            want=Want.NOW, next_step_at=now, updated_at=now
        )
        if changed:
            said = "Force was requested, so it no longer waits for running builds."
            write_event(Fact.FORCED, server=server, reason=said)
            dispatch.hint(dispatch.ADVANCE, server.pk)


def protect_server(name: str, *, protected: bool) -> Server:
    """Protect a server from termination, its ttl and the reaper, or unprotect it."""
    server = find_server(name)
    now = ledger.database_now()
    with transaction.atomic():
        changed = (
            Server.objects.filter(pk=server.pk)
            .exclude(protected=protected)
            .update(protected=protected, next_step_at=now)
        )
        if changed:
            said = "It was protected." if protected else "It was unprotected."
            write_event(Fact.CHANGED, server=server, reason=said)
    server.protected = protected
    return server


def retry_server(name: str) -> Server:
    """Retry a failed server that has nothing left at any cloud.

    Raises NotFoundError or ConflictError.
    """
    server = find_server(name)
    if server.state != State.ERROR:
        raise ConflictError(
            f"{server.name} is {server.state}. Only a server in error can be retried."
        )
    now = ledger.database_now()
    with transaction.atomic():
        Server.objects.select_for_update(no_key=True).get(pk=server.pk)
        if leftovers := find_leftovers(server):
            raise ConflictError(leftovers)
        if not ledger.move(
            server, Event.RETRY_REQUESTED, reason="Retry requested.", now=now
        ):
            raise ConflictError(
                f"{server.name} has changed meanwhile. Reload and look again."
            )
        dispatch.hint(dispatch.ADVANCE, server.pk)
    return server


def find_leftovers(server: Server) -> str:
    """Return why a server can't be retried, or "".

    It must have no live instance and no unanswered attempt.
    """
    live = Instance.objects.filter(server_uid=server.pk, live=True).exists()
    unresolved = Attempt.objects.filter(
        server_uid=server.pk, outcome=Outcome.ASKED
    ).exists()
    if not live and not unresolved:
        return ""
    return (
        f"{server.name} may still have an instance at the cloud. Terminate the server, "
        "or wait until this is known."
    )
