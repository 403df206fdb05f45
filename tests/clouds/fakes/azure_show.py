"""How the fake of Azure shows machines, interfaces, addresses and disks."""

from typing import Any

from tests.clouds.fakes.azure_offers import LOCATION
from tests.clouds.fakes.machines import Machine

GROUP = "builders"
SUBSCRIPTIONS = {
    "one": "00000000-0000-0000-0000-000000000001",
    "two": "00000000-0000-0000-0000-000000000002",
    "nobody": "00000000-0000-0000-0000-000000000009",
}
_STATES = {
    "absent": "Creating",
    "booting": "Creating",
    "running": "Succeeded",
    "off": "Succeeded",
    "failed": "Failed",
    "ending": "Deleting",
}


def make_path(account: str, kind: str, name: str, *, group: str = GROUP) -> str:
    """Return a resource's id."""
    provider = "Compute" if kind in {"virtualMachines", "disks"} else "Network"
    return (
        f"/subscriptions/{SUBSCRIPTIONS[account]}/resourceGroups/{group}/providers/"
        f"Microsoft.{provider}/{kind}/{name}"
    )


def show_machine(
    machine: Machine, now: float, *, whole: bool = False, group: str = GROUP
) -> dict[str, Any]:
    """Return a virtual machine, with its instance view if it is ``whole``."""
    asked = machine.body.get("properties", {})
    state = machine.raw_status or _STATES[machine.phase(now)]
    nic = make_path(machine.account, "networkInterfaces", f"{machine.name}-nic")
    properties: dict[str, Any] = {
        "vmId": f"00000000-0000-4000-8000-{machine.extra['number']:012x}",
        "hardwareProfile": {"vmSize": "Standard_D4s_v5"},
        "networkProfile": {
            "networkInterfaces": [{"id": nic, "properties": {"primary": True}}]
        },
        "provisioningState": state,
    }
    for name in ("priority", "evictionPolicy"):
        if name in asked:
            properties[name] = asked[name]
    if whole:
        properties["instanceView"] = {"statuses": show_statuses(machine, now, state)}
    return {
        "name": machine.name,
        "id": make_path(machine.account, "virtualMachines", machine.name, group=group),
        "type": "Microsoft.Compute/virtualMachines",
        "location": LOCATION,
        "tags": machine.tags,
        "properties": properties,
    }


def show_statuses(machine: Machine, now: float, state: str) -> list[dict[str, str]]:
    """Return the statuses of an instance view."""
    if state == "Failed":
        code = machine.extra.get("code", "InternalExecutionError")
        return [
            {
                "code": f"ProvisioningState/failed/{code}",
                "level": "Error",
                "displayStatus": "Provisioning failed",
                "message": machine.fault or "An internal execution error occurred.",
            }
        ]
    statuses = [
        {
            "code": f"ProvisioningState/{state.lower()}",
            "level": "Info",
            "displayStatus": state,
        }
    ]
    phase = machine.phase(now)
    power = {"running": "running", "off": "deallocated", "booting": "starting"}
    if phase in power and now >= machine.extra.get("placed", 0.0):
        code = f"PowerState/{machine.extra.get('power', power[phase])}"
        statuses.append({"code": code, "level": "Info", "displayStatus": "VM"})
    return statuses


def show_interface(machine: Machine, *, whole: bool = False) -> dict[str, Any]:
    """Return a machine's interface. A ``whole`` one has its public address inside."""
    account, number = machine.account, machine.extra["number"]
    address = show_address(machine)
    public = address if whole else {"id": address["id"]}
    inner = {
        "privateIPAddress": f"10.0.{number // 250}.{number % 250 + 4}",
        "privateIPAddressVersion": "IPv4",
        "publicIPAddress": public,
    }
    return {
        "name": f"{machine.name}-nic",
        "id": make_path(account, "networkInterfaces", f"{machine.name}-nic"),
        "location": LOCATION,
        "tags": inner_tags(machine, "networkInterfaces"),
        "properties": {
            "provisioningState": "Succeeded",
            "ipConfigurations": [{"name": "ipv4", "properties": inner}],
            "virtualMachine": {
                "id": make_path(account, "virtualMachines", machine.name)
            },
        },
    }


def show_address(machine: Machine) -> dict[str, Any]:
    """Return a machine's public address."""
    number = machine.extra["number"]
    nic = make_path(machine.account, "networkInterfaces", f"{machine.name}-nic")
    return {
        "name": f"{machine.name}-ipv4",
        "id": make_path(machine.account, "publicIPAddresses", f"{machine.name}-ipv4"),
        "location": LOCATION,
        "tags": inner_tags(machine, "publicIPAddresses"),
        "properties": {
            "ipAddress": f"198.51.{100 + number // 250}.{number % 250 + 1}",
            "ipConfiguration": {"id": f"{nic}/ipConfigurations/ipv4"},
        },
    }


def inner_tags(machine: Machine, kind: str) -> dict[str, str]:
    """Return the tags of what was created inside of a machine.

    The disk has the machine's own, the others have those that the PUT has for them.
    """
    if kind == "disks":
        return machine.tags
    profile = machine.body.get("properties", {}).get("networkProfile", {})
    for interface in profile.get("networkInterfaceConfigurations", []):
        found: dict[str, Any] = interface
        if kind == "publicIPAddresses":
            inside = interface["properties"]["ipConfigurations"][0]["properties"]
            found = inside.get("publicIPAddressConfiguration", {})
        tags: dict[str, str] = found.get("tags", {})
        return tags
    return {}


def make_left(
    kind: str, number: int, tags: dict[str, str], account: str, *, name: str = ""
) -> dict[str, Any]:
    """Return a disk, an interface or an address that nothing uses."""
    name = name or f"left-{number}"
    kinds: dict[str, dict[str, Any]] = {
        "disks": {"diskSizeGB": 30, "diskState": "Unattached"},
        "networkInterfaces": {"ipConfigurations": []},
        "publicIPAddresses": {"ipAddress": f"203.0.113.{number % 250}"},
    }
    return {
        "name": name,
        "id": make_path(account, kind, name),
        "location": LOCATION,
        "tags": tags,
        "properties": {"provisioningState": "Succeeded", **kinds[kind]},
    }
