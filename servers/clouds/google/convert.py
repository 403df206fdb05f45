"""Convert Google's instances, disks, addresses and operations to the port's types."""

import ipaddress
import re
from collections.abc import Mapping
from typing import Any, Final

from servers.clouds.base import (
    ADDRESS_TAG,
    FLEET_TAG,
    KEY_TAG,
    NAME_TAG,
    CloudInstance,
    CloudLeftover,
    CreateSpec,
    Meaning,
)
from servers.clouds.google.errors import NAME, explain_operation
from servers.outgoing import reading
from servers.outgoing.errors import UnknownOutcomeError
from servers.outgoing.reply import need_text

# Source: the discovery document, Instance.status. TERMINATED is no end: such an
# instance is stopped, and its disk is billed. One that was deleted is no longer shown.
# STOPPING is shown by an instance that is being deleted as well as by one that stops.
STATUSES: Final = {
    "PENDING": Meaning.BOOTING,
    "PROVISIONING": Meaning.BOOTING,
    "STAGING": Meaning.BOOTING,
    "RUNNING": Meaning.RUNNING,
    # Its host failed. Google starts it again by itself.
    "REPAIRING": Meaning.BOOTING,
    "PENDING_STOP": Meaning.ENDING,
    "STOPPING": Meaning.ENDING,
    "DEPROVISIONING": Meaning.ENDING,
    "SUSPENDING": Meaning.STOPPED,
    "SUSPENDED": Meaning.STOPPED,
    "STOPPED": Meaning.STOPPED,
    "TERMINATED": Meaning.STOPPED,
}
# It has no resources yet, and may never get them.
UNPLACED: Final = frozenset({"PENDING", "PROVISIONING"})
# A spot instance in one of these may have been taken back.
_MAYBE_TAKEN: Final = frozenset(
    {"PENDING_STOP", "STOPPING", "DEPROVISIONING", "STOPPED", "TERMINATED"}
)
_REACHABLE: Final = frozenset({Meaning.BOOTING, Meaning.RUNNING})
_ZONE: Final = re.compile(r"(?:.*/)?zones/([^/]+)(?:/.*)?")


def find_zone(item: Mapping[str, Any], scope: str = "") -> str:
    """Return the zone of a resource, by its own fields or its place in a list."""
    for text in (reading.text(item, "zone"), reading.text(item, "selfLink"), scope):
        if found := _ZONE.fullmatch(text):
            return found[1]
    return reading.text(item, "zone")


def is_in(place: str, region: str) -> bool:
    """Tell whether a zone, or a region itself, belongs to a region."""
    return place == region or place.rpartition("-")[0] == region


def read_end(link: str) -> str:
    """Return the last part of a URL or path."""
    return link.rstrip("/").rpartition("/")[2]


def join_id(zone: str, name: str) -> str:
    """Return an instance's id. Its name is unique only in its zone."""
    return f"{zone}/{name}"


def show_instance(
    item: Mapping[str, Any], address: str, *, scope: str = ""
) -> CloudInstance:
    """Return an instance. ``address`` is the kind of address that the account wants.

    ``scope`` is its place in an aggregated list, such as zones/europe-west1-b.
    """
    labels = reading.labels(item, "labels")
    status = reading.text(item, "status")
    meaning = STATUSES.get(status, Meaning.UNCLEAR)
    name = need_text(item, "name", what=NAME)
    shown = _find_address(item, labels.get(ADDRESS_TAG) or address)
    return CloudInstance(
        instance_id=join_id(find_zone(item, scope), name),
        key=labels.get(KEY_TAG, ""),
        fleet=labels.get(FLEET_TAG, ""),
        name=labels.get(NAME_TAG) or name,
        raw_status=status,
        meaning=meaning,
        address=shown if meaning in _REACHABLE else "",
        fault=reading.text(item, "statusMessage"),
    )


def is_spot(item: Mapping[str, Any]) -> bool:
    """Tell whether an instance is a spot instance, or of the older preemptible kind."""
    return reading.text(item, "scheduling", "provisioningModel") == "SPOT" or (
        reading.truth(item, "scheduling", "preemptible")
    )


def may_be_taken(item: Mapping[str, Any]) -> bool:
    """Tell whether an instance may be a spot instance that Google takes back."""
    return is_spot(item) and reading.text(item, "status") in _MAYBE_TAKEN


def read_insert(
    operation: Mapping[str, Any], spec: CreateSpec, zone: str
) -> CloudInstance:
    """Return the instance that an insert's operation is about to create.

    Raises why it failed, if the operation tells that already.
    """
    if not any(reading.text(operation, name) for name in ("name", "targetLink", "id")):
        raise UnknownOutcomeError(f"{NAME} answered without an operation.")
    if (error := explain_operation(operation)) is not None:
        raise error
    link = reading.text(operation, "targetLink")
    return CloudInstance(
        instance_id=join_id(
            find_zone({"selfLink": link}) or zone, read_end(link) or spec.key
        ),
        key=spec.key,
        fleet=spec.fleet,
        name=spec.name,
        raw_status="PROVISIONING",
        meaning=Meaning.BOOTING,
    )


def _find_address(item: Mapping[str, Any], wanted: str) -> str:
    """Return the wanted address, or the next best, or "" while there is none."""
    public = private = ipv6 = ""
    for interface in reading.objects(item, "networkInterfaces"):
        for access in reading.objects(interface, "accessConfigs"):
            public = public or _read_address(access, "natIP")
        private = private or _read_address(interface, "networkIP")
        for access in reading.objects(interface, "ipv6AccessConfigs"):
            ipv6 = ipv6 or _read_address(access, "externalIpv6")
        ipv6 = ipv6 or _read_address(interface, "ipv6Address")
    if wanted == "private":
        return private or ipv6
    if wanted == "ipv6":
        return ipv6 or private
    return public or private or ipv6


def _read_address(item: Mapping[str, Any], name: str) -> str:
    """Return an address. While it is reserved, its place can hold a path instead."""
    text = reading.text(item, name)
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        return ""


def show_disk(item: Mapping[str, Any], *, scope: str) -> CloudLeftover | None:
    """Return a disk as a leftover, or None if it is in use or going away.

    A disk of several zones, which ServerFleet never creates, is left to people.
    """
    zone = find_zone(item, scope)
    is_used = bool(item.get("users"))
    if is_used or not zone or reading.text(item, "status") == "DELETING":
        return None
    name = need_text(item, "name", what=NAME)
    return _show_left(item, "disk", zone, name, f"{reading.text(item, 'sizeGb')} GiB")


def show_address(item: Mapping[str, Any], *, scope: str) -> CloudLeftover | None:
    """Return a static address as a leftover, or None if it is in use or global."""
    if item.get("users") or reading.text(item, "status") not in {"RESERVED", ""}:
        return None
    region = read_end(reading.text(item, "region") or scope)
    if region in {"", "global"}:
        return None
    name = need_text(item, "name", what=NAME)
    return _show_left(item, "address", region, name, reading.text(item, "address"))


def _show_left(
    item: Mapping[str, Any], kind: str, place: str, name: str, detail: str
) -> CloudLeftover:
    labels = reading.labels(item, "labels")
    return CloudLeftover(
        resource_id=f"{kind}/{place}/{name}",
        kind=kind,
        key=labels.get(KEY_TAG, ""),
        fleet=labels.get(FLEET_TAG, ""),
        detail=detail,
    )
