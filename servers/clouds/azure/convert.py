"""Convert Azure's virtual machines and leftovers to the port's types.

Azure writes names in upper or lower case as it likes, and compares them without it. So
the ids here are in lower case.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

from servers.clouds.azure.errors import NAME, make_error
from servers.clouds.base import (
    ADDRESS_TAG,
    FLEET_TAG,
    KEY_TAG,
    NAME_TAG,
    CloudInstance,
    CloudLeftover,
    Meaning,
    NoCapacityError,
)
from servers.outgoing import reading
from servers.outgoing.errors import CallError
from servers.outgoing.reply import need_text, shorten

# The state of the resource, which lists have. Source: the documentation, "States and
# billing status of Azure Virtual Machines".
PROVISIONING: Final = {
    "Creating": Meaning.BOOTING,
    "Updating": Meaning.RUNNING,
    "Succeeded": Meaning.RUNNING,
    "Migrating": Meaning.RUNNING,
    "Failed": Meaning.FAILED,
    "Canceled": Meaning.FAILED,
    "Deleting": Meaning.ENDING,
}
# The state of the machine, which only its instance view has.
_POWER: Final = "PowerState/"
POWER: Final = {
    f"{_POWER}starting": Meaning.BOOTING,
    f"{_POWER}running": Meaning.RUNNING,
    f"{_POWER}stopping": Meaning.STOPPED,
    # Off, and still billed.
    f"{_POWER}stopped": Meaning.STOPPED,
    f"{_POWER}deallocating": Meaning.STOPPED,
    # Its disk is still billed.
    f"{_POWER}deallocated": Meaning.STOPPED,
    f"{_POWER}unknown": Meaning.UNCLEAR,
}
STATUSES: Final = {**PROVISIONING, **POWER}
_BY_NAME: Final = {name.lower(): meaning for name, meaning in STATUSES.items()}
_OFF: Final = frozenset(
    {f"{_POWER}{name}".lower() for name in ("stopping", "stopped")}
    | {f"{_POWER}{name}".lower() for name in ("deallocating", "deallocated")}
)
_UNPLACED: Final = frozenset({"", f"{_POWER}unknown".lower()})
_REACHABLE: Final = frozenset({Meaning.BOOTING, Meaning.RUNNING})
_FAILED: Final = re.compile(r"ProvisioningState/failed/([A-Za-z0-9]{1,80})", re.I)
_ID: Final = re.compile(
    r"/subscriptions/([^/]+)/resourceGroups/([^/]+)/providers/([^/]+)/([^/]+)/([^/]+)",
    re.IGNORECASE,
)
TAKEN_BACK: Final = "Azure deletes the spot instance."


def split_id(text: str) -> tuple[str, str, str]:
    """Return the subscription, group and name in a resource's id, in lower case.

    All are "" if it is none.
    """
    found = _ID.match(text)
    if found is None:
        return "", "", ""
    return found[1].lower(), found[2].lower(), found[5].lower()


def join_id(group: str, name: str) -> str:
    """Return an instance's id. Its name is unique only in its resource group."""
    return f"{group.lower()}/{name.lower()}"


def is_in(item: Mapping[str, Any], location: str) -> bool:
    """Tell whether a resource is in a region, which may be written West Europe."""
    given = reading.text(item, "location").replace(" ", "").lower()
    return given == location.lower()


def read_tags(item: Mapping[str, Any]) -> dict[str, str]:
    """Return a resource's tags, their names in lower case."""
    tags = reading.labels(item, "tags")
    return {name.lower(): value for name, value in tags.items()}


def read_status(item: Mapping[str, Any]) -> str:
    """Return the raw status: the machine's if it is off, otherwise the resource's."""
    state = reading.text(item, "properties", "provisioningState")
    power = read_power(item)
    is_steady = _BY_NAME.get(state.lower()) is Meaning.RUNNING
    return power if is_steady and power.lower() in _OFF else state


def read_power(item: Mapping[str, Any]) -> str:
    """Return the state of the machine, such as PowerState/running, or ""."""
    for each in reading.objects(item, "properties", "instanceView", "statuses"):
        code = reading.text(each, "code")
        if code.lower().startswith(_POWER.lower()):
            return code
    return ""


def is_placed(item: Mapping[str, Any]) -> bool:
    """Tell whether Azure has found a host for a machine."""
    state = reading.text(item, "properties", "provisioningState")
    meaning = _BY_NAME.get(state.lower(), Meaning.UNCLEAR)
    if meaning is not Meaning.BOOTING:
        return True
    return read_power(item).lower() not in _UNPLACED


def show_instance(
    item: Mapping[str, Any], *, group: str, address: str = ""
) -> CloudInstance:
    """Return a virtual machine. ``group`` is its resource group if it names none."""
    name = need_text(item, "name", what=NAME)
    _, found, last = split_id(reading.text(item, "id"))
    tags = read_tags(item)
    status = read_status(item)
    meaning = _BY_NAME.get(status.lower(), Meaning.UNCLEAR)
    taken = meaning is Meaning.ENDING and is_spot(item)
    return CloudInstance(
        instance_id=join_id(found or group, last or name),
        key=tags.get(KEY_TAG, ""),
        fleet=tags.get(FLEET_TAG, ""),
        name=tags.get(NAME_TAG) or name,
        raw_status=status,
        meaning=meaning,
        address=address if meaning in _REACHABLE else "",
        fault=read_fault(item) or (TAKEN_BACK if taken else ""),
        interrupted=taken,
        no_capacity=meaning is Meaning.FAILED
        and isinstance(explain_failure(item), NoCapacityError),
    )


def is_spot(item: Mapping[str, Any]) -> bool:
    """Tell whether a machine is a spot instance."""
    priority = reading.text(item, "properties", "priority")
    return priority.lower() in {"spot", "low"}


def wants_address(item: Mapping[str, Any], default: str) -> str:
    """Return which address of a machine its template or account wants."""
    return read_tags(item).get(ADDRESS_TAG) or default


def read_fault(item: Mapping[str, Any]) -> str:
    """Return Azure's own words on a failure, or ""."""
    for each in reading.objects(item, "properties", "instanceView", "statuses"):
        if reading.text(each, "level").lower() == "error":
            said = reading.text(each, "message") or reading.text(each, "displayStatus")
            return shorten(said or reading.text(each, "code"))
    return ""


def explain_failure(item: Mapping[str, Any]) -> CallError | None:
    """Return why a machine failed, or None if its statuses do not tell."""
    for each in reading.objects(item, "properties", "instanceView", "statuses"):
        found = _FAILED.match(reading.text(each, "code"))
        if found is not None:
            said = reading.text(each, "message") or reading.text(each, "displayStatus")
            return make_error(0, [found[1]], said, retry_after=None)
    return None


def show_leftover(
    item: Mapping[str, Any], kind: str, group: str
) -> CloudLeftover | None:
    """Return a disk, interface or address as a leftover, or None if it is in use."""
    if _is_used(item, kind):
        return None
    _, found, last = split_id(reading.text(item, "id"))
    name = last or need_text(item, "name", what=NAME).lower()
    tags = read_tags(item)
    details = {
        "disk": f"{reading.whole(item, 'properties', 'diskSizeGB')} GiB",
        "address": reading.text(item, "properties", "ipAddress"),
    }
    return CloudLeftover(
        resource_id=f"{kind}/{found or group.lower()}/{name}",
        kind=kind,
        key=tags.get(KEY_TAG, ""),
        fleet=tags.get(FLEET_TAG, ""),
        detail=details.get(kind, ""),
    )


def _is_used(item: Mapping[str, Any], kind: str) -> bool:
    inside = reading.fields(item, "properties")
    if reading.text(inside, "provisioningState").lower() == "deleting":
        return True
    if kind == "disk":
        state = reading.text(inside, "diskState").lower()
        owner = item.get("managedBy") or inside.get("ownerId")
        return bool(owner) or state not in {"unattached", ""}
    if kind == "interface":
        # A private endpoint's interface belongs to it.
        return bool(inside.get("virtualMachine") or inside.get("privateEndpoint"))
    return bool(inside.get("ipConfiguration") or inside.get("natGateway"))
