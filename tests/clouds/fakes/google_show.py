"""How the fake of Google shows instances, operations and lists."""

from datetime import UTC, datetime, timedelta
from typing import Any

from tests.clouds.fakes.google_offers import HOST
from tests.clouds.fakes.machines import Machine

STATUSES = {
    "booting": "STAGING",
    "running": "RUNNING",
    "ending": "STOPPING",
    "off": "TERMINATED",
}
_START = datetime(2026, 11, 1, tzinfo=UTC)


def stamp(now: float) -> str:
    """Return a time as Google writes it."""
    return (_START + timedelta(seconds=now)).isoformat(timespec="milliseconds")


def link(project: str, zone: str, *parts: str) -> str:
    return "/".join((HOST, "projects", project, "zones", zone, *parts))


def show_instance(machine: Machine, project: str, now: float) -> dict[str, Any]:
    """Return an instance as the API shows it."""
    zone, number = machine.extra["zone"], machine.extra["number"]
    body = machine.body
    status = machine.raw_status or STATUSES[machine.phase(now)]
    if now < machine.extra.get("placed", 0.0) and machine.destroyed is None:
        status = "PROVISIONING"
    interface = (body.get("networkInterfaces") or [{"accessConfigs": [{}]}])[0]
    stack = interface.get("stackType", "IPV4_ONLY")
    shown: dict[str, Any] = {
        "kind": "compute#networkInterface",
        "name": "nic0",
        "network": f"{HOST}/projects/{project}/global/networks/default",
        "stackType": stack,
    }
    if stack != "IPV6_ONLY":
        shown["networkIP"] = f"10.132.0.{number % 250 + 1}"
        if interface.get("accessConfigs"):
            access = {"type": "ONE_TO_ONE_NAT", "name": "External NAT"}
            address = f"192.0.2.{number % 250 + 1}"
            shown["accessConfigs"] = [{**access, "natIP": address}]
    if stack != "IPV4_ONLY":
        if interface.get("ipv6AccessConfigs"):
            access = {"type": "DIRECT_IPV6", "name": "External IPv6"}
            address = f"2001:db8::{number:x}"
            shown["ipv6AccessConfigs"] = [{**access, "externalIpv6": address}]
        else:
            shown["ipv6Address"] = f"fd20::{number:x}"
    return {
        "kind": "compute#instance",
        "id": str(number),
        "creationTimestamp": stamp(machine.asked),
        "name": machine.name,
        "description": body.get("description", ""),
        "status": status,
        "zone": link(project, zone),
        "machineType": link(project, zone, "machineTypes", "e2-small"),
        "labels": machine.tags,
        "networkInterfaces": [shown],
        "disks": [
            {
                "kind": "compute#attachedDisk",
                "type": "PERSISTENT",
                "boot": True,
                "autoDelete": True,
                "source": link(project, zone, "disks", machine.name),
            }
        ],
        "scheduling": body.get("scheduling", {"provisioningModel": "STANDARD"}),
        "deletionProtection": machine.protected,
        "selfLink": link(project, zone, "instances", machine.name),
    }


def show_operation(operation: dict[str, Any], now: float) -> dict[str, Any]:
    """Return an operation as the API shows it."""
    project, zone = operation["project"], operation["zone"]
    done = now >= operation["done"]
    shown = {
        "kind": "compute#operation",
        "id": str(operation["number"]),
        "name": f"operation-{operation['number']}",
        "operationType": operation["type"],
        "targetId": str(operation["target_id"]),
        "targetLink": link(project, zone, operation["kind"], operation["target"]),
        "status": "DONE" if done else "RUNNING",
        "progress": 100 if done else 0,
        "user": "builds@example.com",
        "insertTime": stamp(operation["asked"]),
        "startTime": stamp(operation["asked"]),
        "zone": link(project, zone),
        "selfLink": link(project, zone, "operations", str(operation["number"])),
    }
    if operation["request_id"]:
        shown["clientOperationId"] = operation["request_id"]
    if done:
        shown["endTime"] = stamp(operation["done"])
        if operation["errors"]:
            shown["error"] = {"errors": operation["errors"]}
            shown["httpErrorStatusCode"] = operation["status"]
            shown["httpErrorMessage"] = "SERVICE UNAVAILABLE"
    return shown


def show_left(
    kind: str, number: int, tags: dict[str, str], project: str, place: str
) -> dict[str, Any]:
    """Return a disk or a static address that lies about."""
    name = f"left-{number}"
    if kind == "disks":
        return {
            "kind": "compute#disk",
            "id": str(number),
            "creationTimestamp": stamp(0),
            "name": name,
            "sizeGb": "20",
            "status": "READY",
            "labels": tags,
            "zone": link(project, place),
            "selfLink": link(project, place, "disks", name),
        }
    base = f"{HOST}/projects/{project}/regions/{place}"
    return {
        "kind": "compute#address",
        "id": str(number),
        "creationTimestamp": stamp(0),
        "name": name,
        "address": "192.0.2.250",
        "addressType": "EXTERNAL",
        "status": "RESERVED",
        "labels": tags,
        "region": base,
        "selfLink": f"{base}/addresses/{name}",
    }
