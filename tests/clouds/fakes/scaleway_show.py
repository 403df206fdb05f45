"""How the fake of Scaleway shows servers, addresses and tasks."""

from typing import Any

from tests.clouds.fakes.machines import Machine
from tests.clouds.fakes.scaleway_offers import (
    CREATED,
    GROUP_ID,
    IMAGE,
    ORGANIZATION,
    PLACEMENT_ID,
    PROJECTS,
    ZONE,
)

_STATES = {
    "booting": "starting",
    "running": "running",
    "off": "stopped",
    "ending": "stopping",
}
_ACTIONS = {
    "stopped": ["poweron", "backup"],
    "starting": ["stop_in_place", "backup"],
    "running": ["poweroff", "terminate", "reboot", "stop_in_place", "backup"],
}


def show_server(
    machine: Machine, things: list[dict[str, Any]], now: float
) -> dict[str, Any]:
    """Return a server as the API shows it."""
    phase = machine.phase(now)
    state = machine.raw_status or _STATES.get(phase, phase)
    on = state in {"running", "starting"}
    body = machine.body
    ips = []
    if on and body.get("dynamic_ip_required", True):
        ips.append(show_address(machine.id, machine.address, dynamic=True))
    volumes: dict[str, Any] = {}
    for thing in things:
        if thing["server"] == machine.id and thing["kind"] == "ip":
            ipv6 = f"2001:db8:{int(thing['id'][-6:], 16):x}::1"
            ips.append(show_address(thing["id"], ipv6, dynamic=False))
        elif thing["server"] == machine.id:
            volumes[str(len(volumes))] = {
                "boot": False,
                "volume_type": thing["kind"],
                "id": thing["id"],
                "state": "available",
                "zone": ZONE,
            }
    return {
        "id": machine.id,
        "name": machine.name,
        "arch": "x86_64",
        "commercial_type": body.get("commercial_type", "DEV1-S"),
        "boot_type": "local",
        "organization": ORGANIZATION,
        "project": PROJECTS.get(machine.account, ""),
        "hostname": machine.name,
        "image": IMAGE,
        "volumes": volumes,
        "tags": machine.extra["tags"],
        "state": state,
        "protected": machine.protected,
        "state_detail": "terminating" if phase == "ending" else "",
        "public_ip": ips[0] if ips else None,
        "public_ips": ips,
        "mac_address": "de:00:00:d1:45:4d",
        "routed_ip_enabled": True,
        "ipv6": None,
        "dynamic_ip_required": body.get("dynamic_ip_required", True),
        "enable_ipv6": False,
        "private_ip": None,
        "creation_date": CREATED,
        "modification_date": CREATED,
        "security_group": {"id": GROUP_ID, "name": "Default security group"},
        "location": None,
        "maintenances": [],
        "allowed_actions": _ACTIONS.get(state, ["backup"]),
        "placement_group": None
        if body.get("placement_group") != PLACEMENT_ID
        else show_placement(),
        "private_nics": list(machine.extra["nics"]),
        "zone": ZONE,
        "filesystems": [],
        "end_of_service": False,
    }


def show_placement() -> dict[str, Any]:
    return {
        "id": PLACEMENT_ID,
        "name": "spread",
        "organization": ORGANIZATION,
        "project": PROJECTS["one"],
        "tags": [],
        "policy_mode": "optional",
        "policy_type": "max_availability",
        "policy_respected": True,
        "zone": ZONE,
    }


def show_address(number: str, address: str, *, dynamic: bool) -> dict[str, Any]:
    """Return an address as a server has it."""
    ipv6 = ":" in address
    return {
        "id": number,
        "address": address,
        "dynamic": dynamic,
        "gateway": "fe80::1" if ipv6 else "192.0.2.254",
        "netmask": "64" if ipv6 else "32",
        "family": "inet6" if ipv6 else "inet",
        "provisioning_mode": "slaac" if ipv6 else "dhcp",
        "tags": [],
        "state": "attached",
        "ipam_id": number.replace("8000", "8002"),
    }


def show_task(server: str, action: str) -> dict[str, Any]:
    """Return a task that has not ended."""
    return {
        "id": "442c1b06-2526-402e-a364-61e4806401b4",
        "description": f"server_{action}",
        "status": "pending",
        "href_from": f"/servers/{server}/action",
        "href_result": f"/servers/{server}",
        "started_at": CREATED,
        "terminated_at": None,
        "progress": 0,
        "zone": ZONE,
    }
