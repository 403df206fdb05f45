"""What Google's operations tell about an instance that is not there.

An insert is answered with an operation. If the zone has no capacity, or a quota is used
up, the operation fails after seconds or minutes, and the instance is never shown again.
When Google takes a spot instance back, that is an operation as well. They are kept for
days, and found by the instance's name.

Source: the Compute Engine documentation, "Handle API responses" and "Spot VMs", and
recorded operations.
"""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any, Final

from servers.clouds.base import CloudInstance, Meaning
from servers.clouds.google.api import Api
from servers.clouds.google.convert import join_id, read_end
from servers.clouds.google.errors import explain_operation
from servers.outgoing import reading
from servers.outgoing.deadline import current_deadline
from servers.outgoing.errors import (
    CallError,
    MissingError,
    RefusedError,
    UnknownOutcomeError,
)

INSERT: Final = "insert"
PREEMPTED: Final = "compute.instances.preempted"
TAKEN_BACK: Final = "Google took the spot instance back."
# Names in one filter, which is a part of the URL.
_MOST_NAMES: Final = 40


def list_operations(api: Api, zone: str, name: str) -> list[dict[str, Any]]:
    """Return all operations on the instance of this name."""
    path = api.path("zones", zone, "operations")
    query = {"filter": f"targetLink eq .*/instances/{name}"}
    return [
        each
        for each in api.entries(path, query)
        if read_end(reading.text(each, "targetLink")) == name
    ]


def find_insert(operations: Iterable[dict[str, Any]]) -> dict[str, Any] | None:
    """Return the operation that was to create the instance, or None.

    Should there be several, all but one failed because the name was taken.
    """
    inserts = [op for op in operations if reading.text(op, "operationType") == INSERT]
    return min(inserts, key=lambda op: explain_operation(op) is not None, default=None)


def explain_absence(
    operations: Iterable[dict[str, Any]], zone: str, name: str
) -> CloudInstance | None:
    """Return the end of an instance that is not there, as its operations tell it.

    None if they tell nothing for certain: it was deleted, or never asked for.
    """
    known = list(operations)
    if any(reading.text(each, "operationType") == PREEMPTED for each in known):
        return CloudInstance(
            join_id(zone, name),
            key="",
            fleet="",
            name=name,
            raw_status="TERMINATED",
            meaning=Meaning.GONE,
            fault=TAKEN_BACK,
            interrupted=True,
        )
    insert = find_insert(known)
    error = explain_operation(insert) if insert is not None else None
    if error is None or isinstance(error, UnknownOutcomeError):
        return None
    return show_failed(join_id(zone, name), error, name=name)


def show_failed(instance_id: str, error: CallError, *, name: str) -> CloudInstance:
    """Return an instance whose insert failed."""
    return CloudInstance(
        instance_id,
        key="",
        fleet="",
        name=name,
        raw_status="PROVISIONING",
        meaning=Meaning.FAILED,
        fault=error.message,
    )


def mark_taken(api: Api, suspects: Iterable[CloudInstance]) -> list[CloudInstance]:
    """Return spot instances that end, those that Google took back marked as such.

    A listing is complete without it. So if the operations can't be had, no instance is
    marked.
    """
    given = list(suspects)
    by_zone: dict[str, list[str]] = {}
    for each in given:
        zone, _, name = each.instance_id.partition("/")
        by_zone.setdefault(zone, []).append(name)
    taken: set[str] = set()
    try:
        for zone, names in by_zone.items():
            for start in range(0, len(names), _MOST_NAMES):
                current_deadline().remaining()
                taken |= _list_taken(api, zone, names[start : start + _MOST_NAMES])
    except (CallError, TimeoutError):
        return given
    return [
        replace(each, interrupted=True, fault=each.fault or TAKEN_BACK)
        if each.instance_id in taken
        else each
        for each in given
    ]


def _list_taken(api: Api, zone: str, names: list[str]) -> set[str]:
    """Return the ids of those that Google took back."""
    # Parentheses within a filter's own need quotes.
    links = f".*/instances/{names[0]}"
    if len(names) > 1:
        links = f'".*/instances/({"|".join(names)})"'
    query = {"filter": f"(operationType eq {PREEMPTED}) (targetLink eq {links})"}
    return {
        join_id(zone, read_end(reading.text(each, "targetLink")))
        for each in api.entries(api.path("zones", zone, "operations"), query)
        if reading.text(each, "operationType") == PREEMPTED
    }


def weigh_failure(error: CallError, instance: CloudInstance) -> CloudInstance:
    """Return an instance whose insert failed for a reason that may pass.

    Raises the error if a repeat would fail, too, or fail in this zone.
    """
    if isinstance(error, RefusedError | MissingError):
        raise error
    return replace(instance, meaning=Meaning.FAILED, fault=error.message)
