"""What happens next to what no server owns, as a sentence."""

from datetime import datetime, timedelta

from servers.leaks.bounds import bound_of_leftovers, is_outside
from servers.leaks.shapes import Finding, Remainder, Unconfirmed
from servers.lifecycle.snapshot import Pace
from servers.lifecycle.states import Verdict
from servers.models import Instance, Leftover, Server


def describe_instance(
    instance: Instance, bound: timedelta, now: datetime, *, held: int
) -> Finding:
    """Return an instance that no server owns; ``held``: how many wait there."""
    age = now - instance.first_seen
    if instance.destroy_error:
        what = f"The cloud did not destroy it: {instance.destroy_error}"
    elif instance.destroy_asked_at is not None:
        what = "It is being destroyed. A listing must confirm that it is gone."
    elif instance.condemned_at is not None:
        what = "It is condemned, and will be destroyed within seconds."
    elif instance.verdict == Verdict.UNEXPLAINED:
        what = "The database does not know it. A person must adopt or destroy it."
    elif held:
        what = (
            "It waits for a person, since so many at once may be a fault of the "
            "records. Destroy it, if its server is truly over."
        )
    else:
        what = "It will be condemned once two listings have shown it past its grace."
    waits = bool(held) and instance.condemned_at is None
    outside = is_outside(
        instance.first_seen, instance.condemned_at, limit=bound, now=now
    )
    return Finding(instance, age, outside, what, held=waits)


def describe_ending(server: Server, bound: timedelta, now: datetime) -> Unconfirmed:
    """Return a server whose end is not proven."""
    age = now - server.state_since
    return Unconfirmed(server, age, age > bound)


def describe_leftover(leftover: Leftover, pace: Pace, now: datetime) -> Remainder:
    """Return a thing left behind."""
    age = now - leftover.first_seen
    if leftover.delete_error:
        what = f"The cloud did not delete it: {leftover.delete_error}"
    elif leftover.condemned_at is not None:
        what = "It will be deleted by the next look."
    else:
        what = (
            "It will be deleted once its server is surely over. Where the database "
            "does not know it, a person decides."
        )
    outside = is_outside(
        leftover.first_seen,
        leftover.condemned_at,
        limit=bound_of_leftovers(pace),
        now=now,
    )
    return Remainder(leftover, age, outside, what)
