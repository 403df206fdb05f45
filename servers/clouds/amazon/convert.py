"""Convert EC2's instances and volumes to the port's types."""

from collections.abc import Iterator
from typing import Final
from xml.etree import ElementTree

from servers.clouds.amazon.api import find_text
from servers.clouds.base import (
    ADDRESS_TAG,
    FLEET_TAG,
    KEY_TAG,
    CloudInstance,
    CloudLeftover,
    Meaning,
)

# Source: the EC2 API Reference, "InstanceState". shutting-down counts as live: the
# instance may still run and be billed until EC2 says terminated. A hibernated instance
# is shown as stopped.
STATUSES: Final = {
    "pending": Meaning.BOOTING,
    "running": Meaning.RUNNING,
    "shutting-down": Meaning.ENDING,
    "terminated": Meaning.GONE,
    "stopping": Meaning.STOPPED,
    "stopped": Meaning.STOPPED,
}
# Why EC2 ended a spot instance. Source: the EC2 API Reference, "StateReason".
INTERRUPTIONS: Final = frozenset(
    {"Server.SpotInstanceTermination", "Server.SpotInstanceShutdown"}
)
# Only these need an address. A stopped instance shows only its private address.
_REACHABLE: Final = frozenset({Meaning.BOOTING, Meaning.RUNNING})


def iterate_instances(
    root: ElementTree.Element,
) -> Iterator[tuple[ElementTree.Element, ElementTree.Element]]:
    """Yield each reservation and instance in DescribeInstances' answer."""
    for reservation in root.findall("reservationSet/item"):
        for item in reservation.findall("instancesSet/item"):
            yield reservation, item


def _tags(item: ElementTree.Element) -> dict[str, str]:
    return {
        find_text(tag, "key"): find_text(tag, "value")
        for tag in item.findall("tagSet/item")
    }


def show_volume(item: ElementTree.Element) -> CloudLeftover:
    """Return a volume as a leftover."""
    tags = _tags(item)
    return CloudLeftover(
        resource_id=find_text(item, "volumeId"),
        kind="volume",
        key=tags.get(KEY_TAG, ""),
        fleet=tags.get(FLEET_TAG, ""),
        detail=f"{find_text(item, 'size')} GiB",
    )


def show_instance(item: ElementTree.Element, address: str) -> CloudInstance:
    """Return an instance. ``address`` is the kind of address that the account wants."""
    tags = _tags(item)
    status = find_text(item, "instanceState/name")
    meaning = STATUSES.get(status, Meaning.UNCLEAR)
    shown = _find_address(item, tags.get(ADDRESS_TAG) or address)
    return CloudInstance(
        instance_id=find_text(item, "instanceId"),
        key=tags.get(KEY_TAG, ""),
        fleet=tags.get(FLEET_TAG, ""),
        name=tags.get("Name", ""),
        raw_status=status,
        meaning=meaning,
        address=shown if meaning in _REACHABLE else "",
        fault=find_text(item, "stateReason/message"),
        interrupted=find_text(item, "stateReason/code") in INTERRUPTIONS,
    )


def _find_address(item: ElementTree.Element, wanted: str) -> str:
    """Return the wanted address, or the next best, or "" while there is none.

    In an IPv6-only subnet, an instance has no IPv4 address.
    """
    public = find_text(item, "ipAddress")
    private = find_text(item, "privateIpAddress")
    on_interface = "networkInterfaceSet/item/ipv6AddressesSet/item/ipv6Address"
    ipv6 = find_text(item, "ipv6Address") or find_text(item, on_interface)
    if wanted == "private":
        return private or ipv6
    if wanted == "ipv6":
        return ipv6 or private
    return public or private or ipv6
