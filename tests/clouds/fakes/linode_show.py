"""How the fake of Linode shows a Linode, and what its filters let through."""

from datetime import UTC, datetime, timedelta
from typing import Any

from tests.clouds.fakes.linode_offers import IMAGES, PLANS, SLUGS
from tests.clouds.fakes.machines import Machine

_STATUSES = {"booting": "provisioning", "off": "offline", "ending": "deleting"}
_FILTERED = frozenset({"id", "label", "tags", "region", "plan"})


def show_machine(machine: Machine, now: float) -> dict[str, Any]:
    """Return a Linode as the API shows it."""
    phase, number, body = machine.phase(now), int(machine.id), machine.body
    low = number % 250 + 1
    ipv4 = [f"192.0.2.{low}"]
    if body.get("private_ip"):
        ipv4.append(f"192.168.128.{low}")
    # When it was created, on the clock of those who ask.
    created = datetime.now(UTC) - timedelta(seconds=now - machine.asked)
    plan = next(each for each in PLANS if each["id"] == body.get("type", "g6-nanode-1"))
    return {
        "alerts": {"cpu": 90, "io": 10000, "network_in": 10, "network_out": 10},
        "backups": {"available": False, "enabled": False},
        "capabilities": [],
        "created": created.strftime("%Y-%m-%dT%H:%M:%S"),
        "group": "",
        "has_user_data": "metadata" in body,
        "host_uuid": "3a3ddd59d9a78bb8de041391075df44de62bfec8",
        "hypervisor": "kvm",
        "id": number,
        "image": body.get("image", IMAGES[0]["id"]),
        "ipv4": ipv4,
        "ipv6": f"2001:db8::{number:x}/128",
        "label": machine.name,
        "lke_cluster_id": None,
        "placement_group": None,
        "region": body.get("region", SLUGS[0]),
        "specs": {
            "disk": plan["disk"],
            "gpus": 0,
            "memory": plan["memory"],
            "transfer": 1000,
            "vcpus": plan["vcpus"],
        },
        "status": machine.raw_status or _STATUSES.get(phase, phase),
        "tags": [*machine.tags],
        "type": plan["id"],
        "updated": created.strftime("%Y-%m-%dT%H:%M:%S"),
        "watchdog_enabled": True,
    }


def keeps(wanted: Any, item: dict[str, Any]) -> bool:
    """Tell whether a filter lets an entry through. Raise KeyError for other fields."""
    for name, value in wanted.items():
        if name in {"+or", "+and"}:
            join = any if name == "+or" else all
            kept = join([keeps(each, item) for each in value])
        elif name in _FILTERED:
            kept = _has(item.get(name), value)
        else:
            raise KeyError(name)
        if not kept:
            return False
    return True


def _has(found: Any, wanted: Any) -> bool:
    """Tell whether a field, or an entry of it, is what is wanted. Case is ignored."""
    if isinstance(found, list):
        return any(_has(each, wanted) for each in found)
    if isinstance(wanted, dict):
        return str(wanted["+contains"]).lower() in str(found).lower()
    return str(found).lower() == str(wanted).lower()
