"""Drain a server: cordoned, it finishes its builds before its instance is destroyed.

The request for its termination has cordoned the server. Then come looks at the machine,
which tell the agent to finish and see what still runs. A build that was sent just
before the cordon shows a moment later, so a look that finds nothing counts only once
that moment has passed. Nothing is remembered between two looks: they can be repeated by
any process, and a crash cuts no build off. The drain ends with the last build, by force
or at its deadline, whether the machine answers or not.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from servers.lifecycle.decisions import Decision, Move, Probe, Wait
from servers.lifecycle.machine import follow_condition
from servers.lifecycle.snapshot import InstanceView, Snapshot
from servers.lifecycle.states import Event, Want

_NAMES_SAID: Final = 5


def decide_shutdown(snapshot: Snapshot, now: datetime) -> Decision:
    """Return what moves a server that is shutting down to stopping."""
    if snapshot.want is Want.NOW:
        return Move(
            Event.DRAINED, "Terminated with force, without waiting for running builds."
        )
    own = snapshot.own_instance
    if nothing := _explain_nothing(snapshot, own):
        return Move(Event.DRAINED, nothing)
    decision = follow_condition(
        snapshot,
        snapshot.machine.drained,
        Event.DRAINED,
        own.address if own else "",
        now,
        settled=snapshot.state_since + snapshot.limits.recheck,
    )
    ends = end_drain(snapshot)
    match decision:
        case Wait(because=because):
            if now >= ends:
                return _give_up(snapshot, because)
            return Wait(say_wait(snapshot, because), min(decision.until or ends, ends))
        case Probe() if now >= ends and _has_looked(snapshot):
            return _give_up(snapshot, snapshot.host.problem)
        case _:
            return decision


def _has_looked(snapshot: Snapshot) -> bool:
    """Tell whether any look was made. If no worker ran, none was, so one still is."""
    return snapshot.host.checked_at is not None


def _explain_nothing(snapshot: Snapshot, own: InstanceView | None) -> str:
    """Return why no build can run on the server, or ""."""
    if own is None:
        return "It has no instance, so no build runs on it."
    if not own.live or (own.halted and not own.unclear) or own.failed:
        status = own.raw_status or "gone"
        return f"The cloud shows its instance as {status!r}, so no build runs on it."
    if not snapshot.was_ready and not snapshot.host.has_agent:
        return "It was never ready, so no build runs on it."
    return ""


def end_drain(snapshot: Snapshot) -> datetime:
    """Return when the drain of a server that is shutting down ends at the latest."""
    return snapshot.state_since + snapshot.drain


def say_wait(
    snapshot: Snapshot, because: str, builds: tuple[str, ...] | None = None
) -> str:
    """Return what a drain waits for and until when, in sentences."""
    ends = end_drain(snapshot)
    named = f" Still running: {list_names(builds)}." if builds else ""
    return f"{because}{named} It waits until {ends:%d %b %H:%M} UTC at the latest."


def list_names(names: Sequence[str]) -> str:
    """Return names in a row; the first ones only, if there are many."""
    more = len(names) - _NAMES_SAID
    return ", ".join(names[:_NAMES_SAID]) + (f" and {more} more" if more > 0 else "")


def _give_up(snapshot: Snapshot, because: str) -> Move:
    """Return the end of a drain at its deadline, with what was still running."""
    builds = snapshot.host.builds
    left = f" Still running: {list_names(builds)}." if builds else f" {because}"
    return Move(Event.DRAINED, f"The drain timeout has passed.{left}".rstrip())
