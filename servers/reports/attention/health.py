"""Locations where so many servers fail their checks at once that it is the network."""

from collections.abc import Iterable, Iterator
from typing import Any

from servers.lifecycle.health import is_network
from servers.lifecycle.states import State
from servers.placing.location_gate import limits_in_force
from servers.placing.machines import count_checked
from servers.reports.attention.items import Concern, Item


def describe_health(locations: Iterable[Any]) -> Iterator[Item]:
    """Yield the locations whose servers would have lost their health. One query."""
    limits = limits_in_force()
    counted = count_checked(limits.checks)
    for location in locations:
        found = counted.get((location.account_id, location.region))
        if found and found.lost and is_network(found.failing, found.checked, limits):
            yield Item(
                Concern.NETWORK,
                f"{found.failing} of {found.checked} servers in {location} fail their "
                "checks at once, so it is probably the network between ServerFleet and "
                "them. Nothing is done about them meanwhile.",
                account=location.account,
                region=location.region,
                state=State.RUNNING,
            )
