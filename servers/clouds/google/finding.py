"""Find Google's instances, by a label, a name or a failed insert, and leftovers."""

import re
from dataclasses import replace

from servers.clouds.base import FLEET_TAG, CloudInstance, CloudLeftover, Meaning
from servers.clouds.google.api import Api, Zones
from servers.clouds.google.convert import (
    find_zone,
    is_in,
    may_be_taken,
    show_address,
    show_disk,
    show_instance,
)
from servers.clouds.google.operations import (
    explain_absence,
    list_operations,
    mark_taken,
)
from servers.outgoing import reading
from servers.outgoing.errors import MissingError, RefusedError


def select(
    api: Api, label: str, value: str, *, address: str
) -> tuple[list[CloudInstance], str]:
    """Return the region's instances with a label, and the project if it is told.

    If spot instances are ending, ask whether Google took them back. ``address`` is the
    kind of address that the account wants.
    """
    found: dict[str, CloudInstance] = {}
    suspects = []
    identity = ""
    query = {"filter": f"labels.{label}={value}"}
    for scope, item, page in api.aggregate("instances", query):
        identity = identity or _read_project(reading.text(page.data, "id"))
        if not scope or not is_in(find_zone(item, scope), api.region):
            continue
        shown = show_instance(item, address, scope=scope)
        found[shown.instance_id] = shown
        if may_be_taken(item):
            suspects.append(shown)
    found |= {each.instance_id: each for each in mark_taken(api, suspects)}
    return list(found.values()), identity


def find_one(api: Api, zone: str, name: str, *, address: str) -> CloudInstance:
    """Return one instance. Of one that is missing, its operations may tell the end.

    Raises MissingError.
    """
    try:
        item = api.get("zones", zone, "instances", name)
    except MissingError:
        if ended := _explain_absence(api, zone, name):
            return ended
        raise
    shown = show_instance(item, address, scope=f"zones/{zone}")
    return mark_taken(api, [shown])[0] if may_be_taken(item) else shown


def find_failed(api: Api, zones: Zones, key: str) -> list[CloudInstance]:
    """Return the instance that an attempt's insert could not create, if it failed."""
    try:
        for zone in zones.find(api):
            ended = explain_absence(list_operations(api, zone, key), zone, key)
            if ended is not None and ended.meaning is Meaning.FAILED:
                return [replace(ended, key=key, fleet=key.rsplit("-", 3)[0])]
    except RefusedError:
        return []  # operations may not be listed; the look-up itself is complete
    return []


def list_left(api: Api, fleet: str) -> tuple[CloudLeftover, ...]:
    """Return the disks and static addresses of a fleet that nothing uses."""
    query = {"filter": f"labels.{FLEET_TAG}={fleet}"}
    found = []
    for kind, show in (("disks", show_disk), ("addresses", show_address)):
        for scope, item, _ in api.aggregate(kind, query):
            if scope and (left := show(item, scope=scope)) is not None:
                found.append(left)
    return tuple(
        each
        for each in found
        if each.fleet == fleet and is_in(each.resource_id.split("/")[1], api.region)
    )


def _explain_absence(api: Api, zone: str, name: str) -> CloudInstance | None:
    if not re.fullmatch("[a-z][a-z0-9-]*", name):
        return None  # it would be an expression in the filter
    try:
        return explain_absence(list_operations(api, zone, name), zone, name)
    except RefusedError:
        return None  # operations may not be listed


def _read_project(list_id: str) -> str:
    """Return the project in an aggregated list's id, "" if it is only its number."""
    found = re.match(r"projects/([^/]+)/", list_id)
    return found[1] if found and not found[1].isdigit() else ""
