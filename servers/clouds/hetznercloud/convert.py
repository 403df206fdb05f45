"""Convert Hetzner Cloud's servers, volumes and addresses to the port's types."""

import ipaddress
from collections.abc import Mapping
from typing import Any, Final

from servers.clouds.base import (
    ADDRESS_TAG,
    FLEET_TAG,
    KEY_TAG,
    NAME_TAG,
    CloudInstance,
    CloudLeftover,
    Meaning,
)
from servers.clouds.hetznercloud.errors import NAME
from servers.outgoing import reading
from servers.outgoing.reply import need_text

# Source: the API's description, schema of a server. A deleted server is no longer
# listed. One that is off is billed as before. One that migrates or is rebuilt comes
# back by itself.
STATUSES: Final = {
    "initializing": Meaning.BOOTING,
    "starting": Meaning.BOOTING,
    "running": Meaning.RUNNING,
    "stopping": Meaning.STOPPED,
    "off": Meaning.STOPPED,
    "deleting": Meaning.ENDING,
    "migrating": Meaning.BOOTING,
    "rebuilding": Meaning.BOOTING,
    "unknown": Meaning.UNCLEAR,
}
_REACHABLE: Final = frozenset({Meaning.BOOTING, Meaning.RUNNING})


def show_instance(item: Mapping[str, Any], address: str) -> CloudInstance:
    """Return a server. ``address`` is the kind of address that the account wants."""
    labels = reading.labels(item, "labels")
    status = reading.text(item, "status")
    meaning = STATUSES.get(status, Meaning.UNCLEAR)
    shown = _find_address(item, labels.get(ADDRESS_TAG) or address)
    return CloudInstance(
        instance_id=need_text(item, "id", what=NAME),
        key=labels.get(KEY_TAG, ""),
        fleet=labels.get(FLEET_TAG, ""),
        name=labels.get(NAME_TAG) or reading.text(item, "name"),
        raw_status=status,
        meaning=meaning,
        address=shown if meaning in _REACHABLE else "",
    )


def is_in(item: Mapping[str, Any], location: str) -> bool:
    """Tell whether a resource is in a location, or does not say where it is."""
    where = reading.text(item, "location", "name")
    where = where or reading.text(item, "datacenter", "location", "name")
    return where in {"", location}


def show_leftover(item: Mapping[str, Any], kind: str, detail: str) -> CloudLeftover:
    """Return a volume or an address as a leftover."""
    labels = reading.labels(item, "labels")
    return CloudLeftover(
        resource_id=f"{kind}-{need_text(item, 'id', what=NAME)}",
        kind=kind,
        key=labels.get(KEY_TAG, ""),
        fleet=labels.get(FLEET_TAG, ""),
        detail=detail,
    )


def _find_address(item: Mapping[str, Any], wanted: str) -> str:
    """Return the wanted address, or the next best, or "" while there is none."""
    public = reading.text(item, "public_net", "ipv4", "ip")
    private = reading.text(item, "private_net", 0, "ip")
    ipv6 = _first_of(reading.text(item, "public_net", "ipv6", "ip"))
    if wanted == "private":
        return private
    if wanted == "ipv6":
        return ipv6 or private
    return public or ipv6 or private


def _first_of(network: str) -> str:
    """Return the address that a server has in its IPv6 network, which ends in ::1."""
    try:
        return str(ipaddress.IPv6Network(network, strict=False)[1])
    except (ValueError, IndexError):
        return ""
