"""Convert DigitalOcean's Droplets and volumes to the port's types."""

from collections.abc import Mapping
from typing import Any, Final

from servers.clouds.base import (
    ADDRESS_TAG,
    FLEET_TAG,
    CloudInstance,
    CloudLeftover,
    Meaning,
)
from servers.clouds.digitalocean.errors import NAME
from servers.clouds.flat_tags import find_value
from servers.lifecycle.keys import parse_key
from servers.outgoing import reading
from servers.outgoing.reply import need_text

# Source: the API's description, schema of a Droplet. A destroyed one is no longer
# listed. One that is off or archived keeps its disk and is billed.
STATUSES: Final = {
    "new": Meaning.BOOTING,
    "active": Meaning.RUNNING,
    "off": Meaning.STOPPED,
    "archive": Meaning.STOPPED,
}
_REACHABLE: Final = frozenset({Meaning.BOOTING, Meaning.RUNNING})


def show_instance(item: Mapping[str, Any], address: str) -> CloudInstance:
    """Return a Droplet. ``address`` is the kind of address that the account wants.

    Tags come some time after the Droplet, but its name holds the key from the start.
    """
    name = reading.text(item, "name").lower()
    key = parse_key(name)
    tags = reading.texts(item, "tags")
    fleet = find_value(tags, FLEET_TAG)
    if not fleet and key is not None:
        fleet = key.fleet
    status = reading.text(item, "status")
    meaning = STATUSES.get(status, Meaning.UNCLEAR)
    shown = _find_address(item, find_value(tags, ADDRESS_TAG) or address)
    return CloudInstance(
        instance_id=need_text(item, "id", what=NAME),
        key=name if key is not None else "",
        fleet=fleet,
        name=reading.text(item, "name"),
        raw_status=status,
        meaning=meaning,
        address=shown if meaning in _REACHABLE else "",
    )


def is_in(item: Mapping[str, Any], region: str) -> bool:
    """Tell whether a resource is in a region, or does not say where it is."""
    return reading.text(item, "region", "slug") in {"", region}


def is_attached(volume: Mapping[str, Any]) -> bool:
    """Tell whether a volume is attached to a Droplet, or does not say that it isn't."""
    return volume.get("droplet_ids", True) not in ([], None)


def show_volume(item: Mapping[str, Any]) -> CloudLeftover:
    """Return a volume as a leftover."""
    return CloudLeftover(
        resource_id=need_text(item, "id", what=NAME),
        kind="volume",
        key="",
        fleet=find_value(reading.texts(item, "tags"), FLEET_TAG),
        detail=f"{reading.whole(item, 'size_gigabytes')} GiB",
    )


def _find_address(item: Mapping[str, Any], wanted: str) -> str:
    """Return the wanted address, or the next best, or "" while there is none."""
    found: dict[str, str] = {}
    for family in ("v4", "v6"):
        for each in reading.objects(item, "networks", family):
            kind = f"{reading.text(each, 'type')} {family}"
            found.setdefault(kind, reading.text(each, "ip_address"))
    public, ipv6 = found.get("public v4", ""), found.get("public v6", "")
    private = found.get("private v4", "")
    if wanted == "private":
        return private
    if wanted == "ipv6":
        return ipv6 or private
    return public or ipv6 or private
