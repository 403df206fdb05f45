"""How the fake of Vultr shows an instance."""

from typing import Any

from tests.clouds.fakes.machines import Machine
from tests.clouds.fakes.vultr_offers import CREATED, PLANS


def statuses_of(machine: Machine, now: float) -> tuple[str, str, str]:
    """Return an instance's three statuses."""
    if machine.raw_status:
        status, _, rest = machine.raw_status.partition("/")
        power, _, server = rest.partition("/")
        return status, power, server
    if machine.boots is None or now >= machine.boots:
        return "active", "running", "ok"
    done = (now - machine.effect) / (machine.boots - machine.effect)
    if done < 0.4:
        return "pending", "running", "none"
    if done < 0.7:
        return "active", "stopped", "locked"
    return "active", "running", "installingbooting"


def show(machine: Machine, low: int, now: float) -> dict[str, Any]:
    """Return an instance as the API shows it. ``low`` ends its addresses."""
    body = machine.body
    status, power, server = statuses_of(machine, now)
    has_address = status != "pending" or bool(machine.raw_status)
    ipv4 = has_address and not body.get("disable_public_ipv4")
    ipv6 = has_address and body.get("enable_ipv6")
    plan = next((each for each in PLANS if each["id"] == body.get("plan")), PLANS[0])
    return {
        "allowed_bandwidth": 1000,
        "app_id": body.get("app_id", 0),
        "date_created": CREATED,
        "disk": plan["disk"],
        "features": ["ipv6"] if body.get("enable_ipv6") else [],
        "firewall_group_id": body.get("firewall_group_id", ""),
        "gateway_v4": "192.0.2.1" if ipv4 else "0.0.0.0",
        "hostname": body.get("hostname", ""),
        "id": machine.id,
        "image_id": body.get("image_id", ""),
        # Known before any public address.
        "internal_ip": f"10.99.0.{low}" if body.get("attach_vpc") else "",
        "kvm": "https://my.vultr.com/subs/vps/novnc/api.php?data=00example11223344",
        "label": machine.name,
        "main_ip": f"192.0.2.{low}" if ipv4 else "0.0.0.0",
        "netmask_v4": "255.255.254.0" if ipv4 else "",
        "os": "Ubuntu 24.04 LTS x64",
        "os_id": body.get("os_id", 2284),
        "plan": plan["id"],
        "power_status": power,
        "ram": plan["ram"],
        "region": region_of(machine),
        "server_status": server,
        "status": status,
        "tags": [*machine.tags],
        "user_scheme": "root",
        "v6_main_ip": f"2001:db8::{low:x}" if ipv6 else "",
        "v6_network": "2001:db8::" if ipv6 else "",
        "v6_network_size": 64 if ipv6 else 0,
        "vcpu_count": plan["vcpu_count"],
    }


def region_of(machine: Machine) -> str:
    """Return an instance's region."""
    return str(machine.body.get("region", "fra"))
