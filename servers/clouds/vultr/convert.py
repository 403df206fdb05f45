"""Convert Vultr's instances to the port's types.

An instance has three statuses: of the subscription, of its power, and of the server
itself. None of them tells alone whether it runs: a new instance was seen as active but
stopped and locked for half a minute, while it was installed. So its raw status is all
three, and its meaning that of the three together.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from servers.clouds.base import (
    ADDRESS_TAG,
    FLEET_TAG,
    KEY_TAG,
    NAME_TAG,
    CloudInstance,
    Meaning,
)
from servers.clouds.flat_tags import make_tag
from servers.clouds.vultr.errors import NAME
from servers.lifecycle.keys import parse_key
from servers.outgoing import reading
from servers.outgoing.reply import need_text

# Source: the API's description, schema of an instance. A destroyed one is no longer
# listed. One that is off or suspended is billed as before. One that is resized comes
# back by itself.
_BY_STATUS: Final = {
    "pending": Meaning.BOOTING,
    "resizing": Meaning.BOOTING,
    "suspended": Meaning.STOPPED,
}
# While one of these shows, the power says nothing: Vultr itself switches it.
_INSTALLING: Final = frozenset({"none", "locked", "installingbooting"})
_BY_POWER: Final = {"running": Meaning.RUNNING, "stopped": Meaning.STOPPED}
_REACHABLE: Final = frozenset({Meaning.BOOTING, Meaning.RUNNING})
# What shows as an address while there is none.
_NO_ADDRESS: Final = frozenset({"", "0.0.0.0", "::"})  # noqa: S104


def show_instance(item: Mapping[str, Any], address: str) -> CloudInstance:
    """Return an instance. ``address`` is the kind of address that the account wants.

    People can change tags and labels. Both have the key, so one of them is enough.
    """
    label, tags = reading.text(item, "label"), reading.texts(item, "tags")
    key = parse_key(find_value(tags, KEY_TAG)) or parse_key(label)
    fleet = find_value(tags, FLEET_TAG) or (key.fleet if key is not None else "")
    meaning = find_meaning(item)
    shown = _find_address(item, find_value(tags, ADDRESS_TAG) or address, meaning)
    return CloudInstance(
        instance_id=need_text(item, "id", what=NAME),
        key=str(key or ""),
        fleet=fleet,
        name=find_value(tags, NAME_TAG) or label,
        raw_status=show_status(item),
        meaning=meaning,
        address=shown if meaning in _REACHABLE else "",
    )


def find_meaning(item: Mapping[str, Any]) -> Meaning:
    """Return what the three statuses of an instance mean together."""
    status = reading.text(item, "status")
    if status != "active":
        return _BY_STATUS.get(status, Meaning.UNCLEAR)
    server = reading.text(item, "server_status")
    if server in _INSTALLING:
        return Meaning.BOOTING
    if server == "ok":
        power = reading.text(item, "power_status")
        return _BY_POWER.get(power, Meaning.UNCLEAR)
    return Meaning.UNCLEAR


def show_status(item: Mapping[str, Any]) -> str:
    """Return the three statuses of an instance as one text."""
    names = ("status", "power_status", "server_status")
    return "/".join(reading.text(item, name) for name in names).rstrip("/")


def find_value(tags: Iterable[str], name: str) -> str:
    """Return the value of the tag ``name:value``, or ""."""
    start = make_tag(name, "")
    for each in tags:
        if each.startswith(start):
            return each.removeprefix(start)
    return ""


def is_in(item: Mapping[str, Any], region: str) -> bool:
    """Tell whether an instance is in a region, or does not say where it is."""
    return reading.text(item, "region") in {"", region}


def _find_address(item: Mapping[str, Any], wanted: str, meaning: Meaning) -> str:
    """Return the wanted address, or "" while there is none.

    A private address is known before the public one, and never taken for it.
    """
    if wanted == "private":
        return _read_address(item, "internal_ip")
    ipv6 = _read_address(item, "v6_main_ip") or _read_address(
        item, "v6_networks", 0, "main_ip"
    )
    if wanted == "ipv6":
        return ipv6
    ipv4 = _read_address(item, "main_ip")
    # Once it runs, an instance without an IPv4 address will get none.
    return ipv4 or (ipv6 if meaning is Meaning.RUNNING else "")


def _read_address(item: Mapping[str, Any], *path: reading.Step) -> str:
    found = reading.text(item, *path)
    return "" if found in _NO_ADDRESS else found
