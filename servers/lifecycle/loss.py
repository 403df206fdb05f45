"""A running server that is lost: by failed checks, or because its instance ended.

The template chooses what follows. But what befalls many servers of a location at once
has one cause, and to create and terminate one server after another does not mend it. So
servers that were lost lately count, too: otherwise small groups would be lost one after
another.
"""

from datetime import datetime
from typing import Final

from servers.lifecycle.decisions import Decision, Move, Replace
from servers.lifecycle.guards import exceeds_share
from servers.lifecycle.snapshot import Limits, LocationView, Snapshot
from servers.lifecycle.states import Event

_MINUTE: Final = 60


def lose_server(
    snapshot: Snapshot, because: str, event: Event, *, kept: str = "", now: datetime
) -> Decision:
    """Return what follows when a running server is lost, for this reason.

    Unless it is replaced, ``event`` moves it to ``error``. ``kept`` is why it is not
    replaced, if its location says so.
    """
    if not snapshot.replaces:
        return Move(event, f"{because} Retry or terminate the server.")
    if snapshot.protected:
        kept = "It is protected, so it is not replaced."
    elif now < snapshot.state_since + snapshot.limits.proven:
        kept = (
            "It is not replaced, because it failed so soon after it became ready that "
            "another one probably would, too."
        )
    elif not kept:
        return Replace(because, event)
    return Move(event, f"{because} {kept} Look at it, then terminate the server.")


def explain_mass(location: LocationView, limits: Limits) -> str:
    """Return why no server whose instance ended is replaced in a location, or "".

    The one in question runs by its record, and does not count among the others yet.
    """
    count, total = location.ended + 1, location.running + location.ended
    if not exceeds_share(count, total, share=limits.share, floor=limits.share_floor):
        return ""
    return (
        f"It is not replaced, because {count} of {total} servers in {location.name} "
        f"lost their instances {say_lately(limits)}."
    )


def explain_network(
    *, name: str, failing: int, checked: int, lost: int, limits: Limits
) -> str:
    """Return why so many failures are no fault of the servers, or "".

    Of the ``checked`` servers of a location, ``failing`` fail their checks, and
    ``lost`` others lost their health lately.
    """
    count, total = failing + lost, checked + lost
    # All of a small location, too: what they share is their way to ServerFleet.
    if not count == total > 1 and not exceeds_share(
        count, total, share=limits.share, floor=limits.share_floor
    ):
        return ""
    if lost:
        found = (
            f"{count} of {total} servers in {name} fail their checks or lost their "
            f"health {say_lately(limits)}"
        )
    else:
        found = f"{failing} of {checked} servers in {name} fail their checks at once"
    return (
        f"{found}, so it is probably the network between ServerFleet and them. Nothing "
        "is done about them meanwhile."
    )


def say_lately(limits: Limits) -> str:
    """Return how long a lost server counts, in words."""
    minutes = round(limits.lately.total_seconds() / _MINUTE)
    return f"in the last {minutes} minutes" if minutes > 1 else "lately"
