"""Cordon: a running server's agent is told, or started again, until it follows.

The mark and the time since when the agent may not follow it are written together, so no
crash loses the second. Only a look that was made for the same mark clears it.
"""

from datetime import datetime

from servers.lifecycle.conditions import Known, Met, NotYet
from servers.lifecycle.decisions import Tell
from servers.lifecycle.machine import space_looks
from servers.lifecycle.snapshot import InstanceView, Snapshot


def decide_follow(
    snapshot: Snapshot, own: InstanceView, next_check: datetime, now: datetime
) -> Tell | None:
    """Return the look that has the agent follow the mark; None if it does already."""
    since, condition = snapshot.host.behind_since, snapshot.machine.followed
    if since is None or condition is None:
        return None
    found = condition.judge(own.address, now)
    if isinstance(found, Met | NotYet):
        found = Known(found)
    return Tell(own.address, found, space_looks(since, now), next_check)


def explain_cordon(snapshot: Snapshot) -> str:
    """Return what a running server's cordon stops, and what not; "" without one."""
    if not snapshot.cordoned:
        return ""
    if snapshot.machine.followed is not None and not snapshot.host.has_agent:
        return "It is cordoned, so its agent was not started."
    return f"It is cordoned. {snapshot.machine.cordon}"


def say_behind(found: Met | NotYet | None, *, cordoned: bool) -> str:
    """Return why an agent does not follow yet. ``found``: by the last look, if any."""
    because = ""
    if isinstance(found, NotYet):
        because = found.because
    elif isinstance(found, Met):
        mark = "is cordoned" if cordoned else "was uncordoned"
        return f"It {mark}. {found.reason}"
    said = "It was uncordoned, but its agent does not take builds yet."
    if cordoned:
        said = (
            "It is cordoned, but its agent has not been told yet, so it can still take "
            "builds."
        )
    return f"{said} {because}".rstrip()
