"""Convert Scaleway's servers, volumes and addresses to the port's types."""

from collections.abc import Mapping
from typing import Any, Final

from servers.clouds.base import (
    ADDRESS_TAG,
    FLEET_TAG,
    KEY_TAG,
    CloudInstance,
    CloudLeftover,
    Meaning,
)
from servers.clouds.scaleway.errors import NAME
from servers.clouds.scaleway.launch import GB, read_tags
from servers.outgoing import reading
from servers.outgoing.reply import need_text

# Source: ServerState of the vendor's SDK, and recorded answers. A server that is gone
# is missing. One that is off is billed for its volumes, and one that is stopped in
# place as if it ran. ``locked``: Scaleway itself switched it off.
STATES: Final = {
    "starting": Meaning.BOOTING,
    "running": Meaning.RUNNING,
    "stopping": Meaning.STOPPED,
    "stopped": Meaning.STOPPED,
    "stopped in place": Meaning.STOPPED,
    "stopped_in_place": Meaning.STOPPED,
    "locked": Meaning.STOPPED,
}
TERMINATING: Final = "terminating"
STARTED: Final = frozenset({Meaning.BOOTING, Meaning.RUNNING})


def show_instance(item: Mapping[str, Any], address: str) -> CloudInstance:
    """Return a server. ``address`` is the kind of address that the account wants."""
    tags = read_tags(reading.texts(item, "tags"))
    state = reading.text(item, "state")
    meaning = STATES.get(state, Meaning.UNCLEAR)
    if is_terminating(item):
        meaning = Meaning.ENDING
    shown = _find_address(item, tags.get(ADDRESS_TAG) or address)
    return CloudInstance(
        instance_id=need_text(item, "id", what=NAME),
        key=tags.get(KEY_TAG, ""),
        fleet=tags.get(FLEET_TAG, ""),
        name=reading.text(item, "name"),
        raw_status=state,
        meaning=meaning,
        address=shown if meaning in STARTED else "",
        fault="Scaleway locked the server." if state == "locked" else "",
    )


def is_terminating(item: Mapping[str, Any]) -> bool:
    """Tell whether a server is on its way out, and not just being switched off."""
    return (
        reading.text(item, "state") == "stopping"
        and reading.text(item, "state_detail") == TERMINATING
    )


def show_volume(item: Mapping[str, Any], kind: str) -> CloudLeftover | None:
    """Return a volume as a leftover, or None if it is in use.

    Volumes of Block Storage have references, and those of Instances a server.
    """
    if reading.find(item, "references") or reading.find(item, "server"):
        return None
    if reading.text(item, "status") in {"deleting", "deleted"}:
        return None
    return _show_left(item, kind, f"{reading.whole(item, 'size') // GB} GB")


def show_address(item: Mapping[str, Any], kind: str) -> CloudLeftover | None:
    """Return a flexible address as a leftover, or None if it is in use."""
    if reading.find(item, "server"):
        return None
    detail = reading.text(item, "address") or reading.text(item, "prefix")
    return _show_left(item, kind, detail)


def _show_left(item: Mapping[str, Any], kind: str, detail: str) -> CloudLeftover:
    tags = read_tags(reading.texts(item, "tags"))
    shown = {"block": "volume", "local": "volume"}.get(kind, kind)
    return CloudLeftover(
        resource_id=f"{kind}-{need_text(item, 'id', what=NAME)}",
        kind=shown,
        key=tags.get(KEY_TAG, ""),
        fleet=tags.get(FLEET_TAG, ""),
        detail=detail,
    )


def _find_address(item: Mapping[str, Any], wanted: str) -> str:
    """Return the wanted address, or the next best, or "" while there is none."""
    given = [
        *reading.objects(item, "public_ips"),
        reading.fields(item, "public_ip"),
        {"address": reading.text(item, "ipv6", "address")},
    ]
    found = [address for each in given if (address := reading.text(each, "address"))]
    ipv4 = next((each for each in found if ":" not in each), "")
    ipv6 = next((each for each in found if ":" in each), "")
    inside = reading.text(item, "private_ip")
    if wanted == "ipv6":
        return ipv6 or ipv4 or inside
    return ipv4 or ipv6 or inside
