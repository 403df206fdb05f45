"""Health: what follows when a running server fails its checks.

The checks are spread out: each server has its own second of the minute. One failure
says little, so several in a row lose the health. If more than a share of a location's
servers fail at once or one after another, it is the network between ServerFleet and
them, and nobody's builds are helped by destroying them: the servers are held, and
people are told.
"""

from datetime import datetime
from typing import Final

from servers.lifecycle.conditions import Known, Met, NotYet
from servers.lifecycle.cordon import decide_follow, explain_cordon
from servers.lifecycle.decisions import Check, Decision, Wait
from servers.lifecycle.loss import explain_network, lose_server
from servers.lifecycle.snapshot import InstanceView, Snapshot
from servers.lifecycle.spent import decide_spent, is_spent, space_glances
from servers.lifecycle.states import Event

# As long after a check, in parts of the time between two, the health can be lost by it.
_FRESH: Final = 1 / 6


def decide_running(snapshot: Snapshot, own: InstanceView, now: datetime) -> Decision:
    """Return the next step of a running server whose instance is there."""
    condition = snapshot.machine.healthy
    if is_spent(snapshot):
        return decide_spent(snapshot, now)
    if condition is None:
        return Wait(explain_cordon(snapshot), snapshot.ends_at)
    due = find_next_check(snapshot)
    if now < due:
        may_tell = snapshot.host.failures < snapshot.limits.checks
        telling = decide_follow(snapshot, own, due, now) if may_tell else None
        return telling or _follow_checks(snapshot, own, due, now)
    found = condition.judge(own.address, now)
    if isinstance(found, Met) and not snapshot.host.failures:
        # Nothing to record, so this costs no write.
        return Wait(explain_cordon(snapshot), now + snapshot.limits.check)
    if isinstance(found, Met | NotYet):
        found = Known(found)
    return Check(own.address, found)


def find_next_check(snapshot: Snapshot) -> datetime:
    """Return when the health of a running server is checked next."""
    last, between = snapshot.host.checked_at, snapshot.limits.check
    if snapshot.machine.ends_itself and not snapshot.host.failures:
        between = min(between, space_glances(snapshot, last))
    if last is None:
        return snapshot.state_since + between * snapshot.jitter
    return last + between


def _follow_checks(
    snapshot: Snapshot, own: InstanceView, due: datetime, now: datetime
) -> Decision:
    """Return what follows from the checks up to now."""
    failures, most = snapshot.host.failures, snapshot.limits.checks
    if not failures:
        return Wait(explain_cordon(snapshot), due)
    problem = snapshot.host.problem
    if failures < most:
        return Wait(f"Failed checks in a row: {failures} of {most}. {problem}", due)
    location = snapshot.location(own.location)
    network = explain_network(
        name=location.name,
        failing=location.failing,
        checked=location.checked,
        lost=location.lost,
        limits=snapshot.limits,
    )
    if network:
        return Wait(f"{network} {problem}", due, held=True)
    if now > due - snapshot.limits.check * (1 - _FRESH):
        # After an outage the others recover one by one, and this server's failures may
        # be from before it. So its next check decides, not whatever woke it meanwhile.
        return Wait(
            f"Failed checks in a row: {failures}. The next one decides what follows. "
            f"{problem}",
            due,
        )
    because = f"It failed {failures} checks in a row. {problem}"
    return lose_server(snapshot, because, Event.HEALTH_LOST, now=now)
