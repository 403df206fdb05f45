"""Drain a server: cordoned, it finishes its builds before its instance is destroyed.

The request for its termination has cordoned the server. Then come looks at the
instance, which tell the agent to finish and see what still runs. A build that was sent
just before the cordon shows a moment later, so a look that finds nothing counts only
once that moment has passed. Nothing is remembered between two looks: they can be
repeated by any process, and a crash cuts no build off. The drain ends with the last
build, by force or at its deadline, whether the instance answers or not.

The deadline is the template's drain timeout, with two exceptions. A failed server, and
one that was never ready, may have no instance any more that could answer. So they wait
a few minutes, unless it answers. And what hears of the drain late, because ServerFleet
was away or its link was broken, still gets a few minutes' notice.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from servers.lifecycle.conditions import Known, NotYet
from servers.lifecycle.decisions import Decision, Move, Probe, Wait
from servers.lifecycle.machine import follow_condition, space_looks
from servers.lifecycle.snapshot import InstanceView, Snapshot
from servers.lifecycle.states import Event, Want
from servers.wording import count_of

_NAMES_SAID: Final = 5
_NEVER_READY: Final = "It was never ready, so no build runs on it."


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
                if snapshot.machine.asks and _was_away(snapshot, now):
                    # It is recorded that it has not been told yet, and when.
                    look, again = Known(NotYet(because)), space_looks(ends, now)
                    return Probe("", look, Event.DRAINED, again)
                return _give_up(snapshot, because)
            return Wait(say_wait(snapshot, because), min(decision.until or ends, ends))
        case Probe() if now >= ends and snapshot.host.checked_at is not None:
            if _was_away(snapshot, now):
                return decision
            return _give_up(snapshot, snapshot.host.problem)
        case _:
            return decision


def _was_away(snapshot: Snapshot, now: datetime) -> bool:
    """Tell whether ServerFleet was away at the deadline, and nobody was told before.

    Then one look is still made. If the machine asks itself, it gets the time to do so.
    """
    host, ends = snapshot.host, _end_timeout(snapshot)
    was_seen = host.checked_at is not None and host.checked_at >= ends
    is_late = now >= ends + snapshot.limits.away
    return host.told_at is None and is_late and not was_seen


def _explain_nothing(snapshot: Snapshot, own: InstanceView | None) -> str:
    """Return why no build can run on the server, or ""."""
    if own is None:
        return "It has no instance, so no build runs on it."
    if not own.live or (own.halted and not own.unclear) or own.failed:
        status = own.raw_status or "gone"
        return f"The cloud shows its instance as {status!r}, so no build runs on it."
    if not _can_build(snapshot):
        return _NEVER_READY
    return ""


def _can_build(snapshot: Snapshot) -> bool:
    started = snapshot.was_ready or snapshot.host.has_agent
    return started or snapshot.machine.unready_wait is not None


def end_drain(snapshot: Snapshot) -> datetime:
    """Return when the drain of a server that is shutting down ends at the latest."""
    host, limits = snapshot.host, snapshot.limits
    ends = _end_timeout(snapshot)
    if host.told_at is not None:
        return max(ends, host.told_at + min(snapshot.drain, limits.notice))
    seen = host.checked_at
    if snapshot.machine.asks and seen is not None and seen >= ends:
        return seen + limits.notice
    return ends


def _end_timeout(snapshot: Snapshot) -> datetime:
    """Return when the drain ends if nothing hears of it late."""
    return snapshot.state_since + min(snapshot.drain, _find_patience(snapshot))


def _find_patience(snapshot: Snapshot) -> timedelta:
    """Return how long the machine is waited for as far as it does not answer."""
    if snapshot.host.told_at is not None:
        return snapshot.drain
    if not snapshot.was_ready and not snapshot.host.has_agent:
        return snapshot.machine.unready_wait or timedelta()
    return snapshot.limits.silence if snapshot.failed else snapshot.drain


def say_wait(
    snapshot: Snapshot, because: str, builds: tuple[str, ...] | None = None
) -> str:
    """Return what a drain waits for and until when, in sentences."""
    ends = end_drain(snapshot)
    named = f" {name_builds(builds)}" if builds else ""
    until = f"It waits until {ends:%d %b %H:%M} UTC at the latest"
    patience = _find_patience(snapshot)
    if patience < snapshot.drain and builds is None:
        failed = "failed" if snapshot.failed else "was never ready"
        until += f", or longer if it answers, because the server {failed}"
    return f"{because}{named} {until}."


def count_builds(builds: Sequence[str]) -> str:
    """Return how many builds a drain waits for, in a sentence."""
    return f"Waiting for {count_of(len(builds), 'build')} to finish."


def name_builds(builds: Sequence[str]) -> str:
    """Return which builds a drain waits for, in a sentence."""
    return f"Still running: {list_names(builds)}."


def list_names(names: Sequence[str]) -> str:
    """Return names in a row; the first ones only, if there are many."""
    more = len(names) - _NAMES_SAID
    return ", ".join(names[:_NAMES_SAID]) + (f" and {more} more" if more > 0 else "")


def _give_up(snapshot: Snapshot, because: str) -> Move:
    """Return the end of a drain at its deadline, with what was still running."""
    if snapshot.host.told_at is None and _find_patience(snapshot) < snapshot.drain:
        # Nobody waits for the rest of the timeout.
        return Move(Event.DRAINED, f"{_say_silent(snapshot)} {because}".rstrip())
    builds = snapshot.host.builds
    left = name_builds(builds) if builds else because
    return Move(Event.DRAINED, f"The drain timeout has passed. {left}".rstrip())


def _say_silent(snapshot: Snapshot) -> str:
    if snapshot.failed:
        return "The server had failed before, and nothing has answered since."
    return "It was never ready, and nothing has answered since its termination."
