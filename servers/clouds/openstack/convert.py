"""Convert OpenStack's servers, volumes, ports and addresses to the port's types."""

import ipaddress
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from servers.clouds.base import (
    ADDRESS_TAG,
    FLEET_TAG,
    KEY_TAG,
    CloudInstance,
    CloudLeftover,
    Meaning,
)
from servers.clouds.openstack.errors import NAME, tells_no_capacity
from servers.clouds.openstack.launch import FLOATING
from servers.outgoing import reading
from servers.outgoing.reply import need_text, shorten

# Source: the Compute API reference, "Servers", Server status. A deleted server is no
# longer listed. One in ERROR still holds what it has, until it is deleted.
STATUSES: Final = {
    "ACTIVE": Meaning.RUNNING,
    "BUILD": Meaning.BOOTING,
    "DELETED": Meaning.GONE,
    "ERROR": Meaning.FAILED,
    "HARD_REBOOT": Meaning.BOOTING,
    "MIGRATING": Meaning.RUNNING,  # live, from one host to another
    "PASSWORD": Meaning.RUNNING,  # its password is being reset
    "PAUSED": Meaning.STOPPED,
    "REBOOT": Meaning.BOOTING,
    "REBUILD": Meaning.BOOTING,
    "RESCUE": Meaning.STOPPED,  # it runs another image
    "RESIZE": Meaning.BOOTING,
    "REVERT_RESIZE": Meaning.BOOTING,
    "SHELVED": Meaning.STOPPED,
    "SHELVED_OFFLOADED": Meaning.STOPPED,
    "SHUTOFF": Meaning.STOPPED,
    # Deleted, and kept for a while in case that someone restores it.
    "SOFT_DELETED": Meaning.ENDING,
    "SUSPENDED": Meaning.STOPPED,
    "UNKNOWN": Meaning.UNCLEAR,  # its part of the cloud is down
    "VERIFY_RESIZE": Meaning.RUNNING,
}
_DELETING: Final = frozenset({"deleting", "soft-deleting"})
_REACHABLE: Final = frozenset({Meaning.BOOTING, Meaning.RUNNING})
_PRIVATE: Final = tuple(
    ipaddress.ip_network(each)
    for each in (
        *("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10"),
        *("169.254.0.0/16", "127.0.0.0/8", "fc00::/7", "fe80::/10"),
    )
)
# Neutron's resources have no metadata. Their descriptions carry the tags instead.
_DESCRIBED: Final = re.compile(
    rf"{FLEET_TAG}=(?P<fleet>[a-z0-9-]{{1,63}}) {KEY_TAG}=(?P<key>[a-z0-9-]{{1,63}})"
)


def show_instance(item: Mapping[str, Any], address: str) -> CloudInstance:
    """Return a server. ``address`` is the kind of address that the account wants."""
    metadata = reading.labels(item, "metadata")
    meaning = find_meaning(item)
    fault = reading.text(item, "fault", "message")
    shown = _find_address(item, metadata.get(ADDRESS_TAG) or address)
    return CloudInstance(
        instance_id=need_text(item, "id", what=NAME),
        key=metadata.get(KEY_TAG, ""),
        fleet=metadata.get(FLEET_TAG, ""),
        name=reading.text(item, "name"),
        raw_status=reading.text(item, "status"),
        meaning=meaning,
        address=shown if meaning in _REACHABLE else "",
        fault=shorten(fault),
        no_capacity=meaning is Meaning.FAILED and tells_no_capacity(fault),
    )


def find_meaning(item: Mapping[str, Any]) -> Meaning:
    """Return what a server's status means."""
    status = reading.text(item, "status").upper()
    meaning = STATUSES.get(status, Meaning.UNCLEAR)
    deleting = reading.text(item, "OS-EXT-STS:task_state") in _DELETING
    return Meaning.ENDING if deleting and meaning is not Meaning.GONE else meaning


def describe(fleet: str, key: str) -> str:
    """Return the description of what is created beside a server."""
    return f"{FLEET_TAG}={fleet} {KEY_TAG}={key}"


def show_volume(item: Mapping[str, Any]) -> CloudLeftover | None:
    """Return a volume as a leftover, or None if it is in use or nobody's."""
    metadata = reading.labels(item, "metadata")
    if reading.objects(item, "attachments") or not metadata.get(FLEET_TAG):
        return None
    return CloudLeftover(
        resource_id=f"volume-{need_text(item, 'id', what=NAME)}",
        kind="volume",
        key=metadata.get(KEY_TAG, ""),
        fleet=metadata[FLEET_TAG],
        detail=f"{reading.whole(item, 'size')} GiB",
    )


def show_address(item: Mapping[str, Any]) -> CloudLeftover | None:
    """Return a floating address as a leftover, or None if it is in use or nobody's."""
    if reading.text(item, "port_id"):
        return None
    detail = reading.text(item, "floating_ip_address")
    return _show_described(item, "address", detail)


def show_port(item: Mapping[str, Any]) -> CloudLeftover | None:
    """Return a port as a leftover, or None if it is in use or nobody's."""
    if reading.text(item, "device_id"):
        return None
    return _show_described(
        item, "port", reading.text(item, "fixed_ips", 0, "ip_address")
    )


def _show_described(
    item: Mapping[str, Any], kind: str, detail: str
) -> CloudLeftover | None:
    found = _DESCRIBED.fullmatch(reading.text(item, "description"))
    if found is None:
        return None
    return CloudLeftover(
        resource_id=f"{kind}-{need_text(item, 'id', what=NAME)}",
        kind=kind,
        key=found["key"],
        fleet=found["fleet"],
        detail=detail,
    )


def _find_address(item: Mapping[str, Any], wanted: str) -> str:
    """Return the wanted address, or the next best, or "" while there is none."""
    floating = next(_list_addresses(item, floating=True), "")
    fixed = list(_list_addresses(item, floating=False))
    ipv4 = [each for each in fixed if ":" not in each]
    ipv6 = [each for each in fixed if ":" in each]
    inside = next(iter(ipv4), "") or next(iter(ipv6), "")
    if wanted == FLOATING:
        return floating
    if wanted == "private":
        return inside
    if wanted == "ipv6":
        public_ipv6 = next(filter(_is_public, ipv6), "")
        return (
            reading.text(item, "accessIPv6")
            or public_ipv6
            or next(iter(ipv6), "")
            or inside
        )
    return (
        floating
        or reading.text(item, "accessIPv4")
        or next(filter(_is_public, ipv4), "")
        or inside
    )


def _list_addresses(item: Mapping[str, Any], *, floating: bool) -> Iterator[str]:
    """Yield a server's addresses, network by network."""
    for network in reading.fields(item, "addresses").values():
        for each in reading.objects(network):
            is_floating = reading.text(each, "OS-EXT-IPS:type") == "floating"
            found = reading.text(each, "addr")
            if found and is_floating is floating:
                yield found


def _is_public(address: str) -> bool:
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    return not any(
        parsed in each for each in _PRIVATE if each.version == parsed.version
    )
