"""Convert Linodes and volumes to the port's types."""

import ipaddress
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from servers.clouds.base import (
    ADDRESS_TAG,
    FLEET_TAG,
    CloudInstance,
    CloudLeftover,
    Meaning,
)
from servers.clouds.flat_tags import find_value
from servers.clouds.linode.errors import NAME
from servers.clouds.linode.launch import read_label
from servers.lifecycle.keys import parse_key
from servers.outgoing import reading
from servers.outgoing.reply import need_text

# Source: the API's description, schema of a Linode. A deleted one is no longer listed.
# One that is off is billed as before. One that is busy, migrates, is rebuilt, cloned or
# restored comes back by itself.
STATUSES: Final = {
    "running": Meaning.RUNNING,
    "offline": Meaning.STOPPED,
    "booting": Meaning.BOOTING,
    "busy": Meaning.BOOTING,
    "rebooting": Meaning.BOOTING,
    "shutting_down": Meaning.STOPPED,
    "provisioning": Meaning.BOOTING,
    "deleting": Meaning.ENDING,
    "migrating": Meaning.BOOTING,
    "rebuilding": Meaning.BOOTING,
    "cloning": Meaning.BOOTING,
    "restoring": Meaning.BOOTING,
    "stopped": Meaning.STOPPED,
    "billing_suspension": Meaning.STOPPED,
}
# A Linode is provisioned, and then booted by a job of its own. Between the two it may
# be shown as off.
FIRST_BOOT_SECONDS: Final = 600.0
_PRIVATE: Final = ipaddress.IPv4Network("192.168.0.0/16")
_REACHABLE: Final = frozenset({Meaning.BOOTING, Meaning.RUNNING})


def show_instance(item: Mapping[str, Any], address: str, now: float) -> CloudInstance:
    """Return a Linode.

    ``address`` is the kind of address that the account wants. ``now`` is in Unix
    seconds.
    """
    label = reading.text(item, "label")
    key = read_label(label)
    tags = reading.texts(item, "tags")
    # Tags can be missing, and more than one can name a fleet: the label is surer.
    parsed = parse_key(key)
    fleet = parsed.fleet if parsed is not None else find_value(tags, FLEET_TAG)
    status = reading.text(item, "status")
    meaning = STATUSES.get(status, Meaning.UNCLEAR)
    if status == "offline" and _is_new(item, now):
        meaning = Meaning.BOOTING
    shown = _find_address(item, find_value(tags, ADDRESS_TAG) or address)
    return CloudInstance(
        instance_id=need_text(item, "id", what=NAME),
        key=key,
        fleet=fleet,
        name=label,
        raw_status=status,
        meaning=meaning,
        address=shown if meaning in _REACHABLE else "",
    )


def is_in(item: Mapping[str, Any], region: str) -> bool:
    """Tell whether a resource is in a region, or does not say where it is."""
    return reading.text(item, "region") in {"", region}


def is_attached(volume: Mapping[str, Any]) -> bool:
    """Tell whether a volume is attached to a Linode, or does not say that it isn't."""
    return volume.get("linode_id", True) is not None


def show_volume(item: Mapping[str, Any]) -> CloudLeftover:
    """Return a volume as a leftover."""
    return CloudLeftover(
        resource_id=need_text(item, "id", what=NAME),
        kind="volume",
        key="",
        fleet=find_value(reading.texts(item, "tags"), FLEET_TAG),
        detail=f"{reading.whole(item, 'size')} GiB",
    )


def _is_new(item: Mapping[str, Any], now: float) -> bool:
    """Tell whether a Linode may not have booted yet. Its times are in UTC."""
    try:
        created = datetime.fromisoformat(reading.text(item, "created"))
        age = now - created.replace(tzinfo=UTC).timestamp()
    except (ValueError, OverflowError):
        return False
    return abs(age) < FIRST_BOOT_SECONDS


def _find_address(item: Mapping[str, Any], wanted: str) -> str:
    """Return the wanted address, or "" while there is none."""
    ipv4 = reading.texts(item, "ipv4")
    if wanted == "ipv6":
        return reading.text(item, "ipv6").partition("/")[0]
    is_private = wanted == "private"
    return next((each for each in ipv4 if _is_private(each) is is_private), "")


def _is_private(address: str) -> bool:
    try:
        return ipaddress.IPv4Address(address) in _PRIVATE
    except ValueError:
        return False
