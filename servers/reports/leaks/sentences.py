"""Say what happens next to instances and leftovers that no server owns."""

from datetime import datetime, timedelta

from servers.lifecycle.snapshot import Pace
from servers.lifecycle.states import Verdict
from servers.models import Instance, Leftover, Server
from servers.reports.leaks.bounds import bound_of_leftovers, is_outside
from servers.reports.leaks.shapes import Finding, Remainder, Unconfirmed


def describe_instance(
    instance: Instance, bound: timedelta, now: datetime, *, held: int
) -> Finding:
    """Describe an instance that no server owns; ``held``: how many wait there."""
    age = now - instance.first_seen
    if instance.destroy_error:
        what = f"Destroying it failed: {instance.destroy_error}"
    elif instance.destroy_asked_at is not None:
        what = (
            "It is being destroyed. Waiting for a listing to confirm that it is gone."
        )
    elif instance.condemned_at is not None:
        what = "It is condemned and will be destroyed within seconds."
    elif instance.verdict == Verdict.UNEXPLAINED:
        what = "The database does not know it. Adopt or destroy it."
    elif held:
        what = (
            "It needs a decision: with so many at once, the records may be wrong. "
            "Destroy it if its server has really stopped."
        )
    else:
        what = (
            "It will be condemned once two listings have shown it and its grace has "
            "passed."
        )
    waits = bool(held) and instance.condemned_at is None
    outside = is_outside(
        instance.first_seen, instance.condemned_at, limit=bound, now=now
    )
    return Finding(instance, age, outside, what, held=waits)


def describe_ending(server: Server, bound: timedelta, now: datetime) -> Unconfirmed:
    """Describe a server that is not confirmed gone."""
    age = now - server.state_since
    return Unconfirmed(server, age, age > bound)


def describe_leftover(leftover: Leftover, pace: Pace, now: datetime) -> Remainder:
    """Describe a leftover."""
    age = now - leftover.first_seen
    if leftover.delete_error:
        what = f"Deleting it failed: {leftover.delete_error}"
    elif leftover.condemned_at is not None:
        what = "It will be deleted at the next check."
    else:
        what = (
            "It will be deleted once nothing needs it. If the database does not know "
            "it, you decide."
        )
    outside = is_outside(
        leftover.first_seen,
        leftover.condemned_at,
        limit=bound_of_leftovers(pace),
        now=now,
    )
    return Remainder(leftover, age, outside, what)
