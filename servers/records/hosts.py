"""What looks at machines found, as it is kept on the servers' Host records."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from servers.lifecycle.conditions import Met, NotYet
from servers.lifecycle.states import State
from servers.models import Host, Server


def record_look(
    server: Server, host: Host | None, found: Met | NotYet, *, now: datetime
) -> Host:
    """Record what a look on the way to a move found. Returns the record.

    In the caller's transaction. Most looks find what the one before found, and then
    nothing is written. The first one of a drain that is answered stays known, and until
    then each is.
    """
    found_now: dict[str, Any] = {"problem": "", "builds": []}
    if isinstance(found, NotYet):
        known = host.builds if host is not None else []
        builds = known if found.builds is None else list(found.builds)
        found_now = {"problem": found.because, "builds": builds}
    if found.agent_started and (host is None or not _is_fresh(server, host)):
        found_now["agent_started_at"] = now
    found_now |= _note_end(found, now)
    unheard = server.state == State.SHUTDOWN and not _was_told(server, host)
    if unheard and (isinstance(found, Met) or found.builds is not None):
        found_now["drain_told_at"] = now
    return _write(server, host, found_now, now=now, always=unheard)


def _was_told(server: Server, host: Host | None) -> bool:
    told = host.drain_told_at if host is not None else None
    return told is not None and told >= server.state_since


def record_check(
    server: Server, host: Host | None, found: Met | NotYet, *, now: datetime
) -> Host:
    """Record a check of a running server's health. Returns the record."""
    found_now: dict[str, Any] = {"failures": 0, "problem": ""}
    if isinstance(found, NotYet):
        before = 0
        if host is not None and host.checked_at is not None:
            before = host.failures if host.checked_at >= server.state_since else 0
        found_now = {"failures": before + 1, "problem": found.because}
    if found.agent_started and (host is None or host.agent_started_at is None):
        found_now["agent_started_at"] = now
    found_now |= _note_end(found, now)
    return _write(server, host, found_now, now=now, always=True)


def record_follow(
    server: Server, host: Host, found: Met | NotYet, *, now: datetime
) -> bool:
    """Record that the agent follows the server's cordon, if the look found so.

    False: it does not, or the cordon was changed since the step has read it.
    """
    if isinstance(found, NotYet) or found.agent_behind:
        return False
    values: dict[str, Any] = {"agent_behind_since": None}
    if found.agent_started:
        values["agent_started_at"] = now
    same = Host.objects.filter(
        pk=host.pk,
        agent_behind_since=host.agent_behind_since,
        server__cordoned=server.cordoned,
    )
    if not same.update(**values):
        return False
    for name, value in values.items():
        setattr(host, name, value)
    return True


def _note_end(found: Met | NotYet, now: datetime) -> dict[str, Any]:
    is_spent = isinstance(found, Met) and found.agent_spent
    return {"agent_spent_at": now} if is_spent else {}


def _is_fresh(server: Server, host: Host) -> bool:
    """Tell whether the agent is known to run since before this state's last look."""
    started = host.agent_started_at
    return started is not None and started >= server.state_since


def _write(
    server: Server,
    host: Host | None,
    found: Mapping[str, Any],
    *,
    now: datetime,
    always: bool = False,
) -> Host:
    """Write what differs, and the time of the first look of this state."""
    values = {**found, "checked_at": now}
    if host is None:
        host, _ = Host.objects.update_or_create(server_id=server.pk, defaults=values)
        return host
    is_first = host.checked_at is None or host.checked_at < server.state_since
    is_new = any(getattr(host, name) != value for name, value in found.items())
    if always or is_first or is_new:
        for name, value in values.items():
            setattr(host, name, value)
        host.save(update_fields=list(values))
    return host
