"""Locations where so many servers fail their checks that it is the network."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from servers.lifecycle.loss import explain_network
from servers.lifecycle.states import State
from servers.placing.location_gate import limits_in_force
from servers.placing.machines import count_checked
from servers.reports.attention.items import Concern, Item


def describe_health(locations: Iterable[Any], *, now: datetime) -> Iterator[Item]:
    """Yield the locations whose servers would have lost their health. One query."""
    limits = limits_in_force()
    counted = count_checked(limits, now)
    for location in locations:
        found = counted.get((location.account_id, location.region))
        if found is None or not found.failed:
            continue
        network = explain_network(
            name=str(location),
            failing=found.failing,
            checked=found.checked,
            lost=found.lost,
            limits=limits,
        )
        if network:
            yield Item(
                Concern.NETWORK,
                network,
                account=location.account,
                region=location.region,
                state=State.RUNNING,
            )
