"""The network interface and public addresses inside of a virtual machine's PUT."""

from collections.abc import Mapping
from typing import Any

from servers.clouds.azure.api import NETWORK, Api
from servers.clouds.base import FLEET_TAG, KEY_TAG, CreateSpec


def build_interface(
    spec: CreateSpec, options: Mapping[str, Any], api: Api
) -> dict[str, Any]:
    """Return the interface of a virtual machine, as the body of its PUT has it."""
    tags = _tag_parts(spec, api)
    versions = ["IPv4", "IPv6"] if options.get("ip_stack") == "dual" else ["IPv4"]
    subnet = {"id": name_subnet(str(options["subnet"]), api)}
    configurations = []
    for version in versions:
        inner: dict[str, Any] = {
            "primary": version == "IPv4",
            "privateIPAddressVersion": version,
            "subnet": subnet,
        }
        if options.get("public_ip", True):
            inner["publicIPAddressConfiguration"] = {
                "name": f"{spec.key}-{version.lower()}",
                "sku": {"name": "Standard", "tier": "Regional"},
                **tags,
                "properties": {
                    "deleteOption": "Delete",
                    "publicIPAddressVersion": version,
                    "publicIPAllocationMethod": "Static",
                },
            }
        configurations.append({"name": version.lower(), "properties": inner})
    properties: dict[str, Any] = {
        "primary": True,
        "deleteOption": "Delete",
        "ipConfigurations": configurations,
    }
    if options.get("accelerated_networking") is not None:
        wanted = bool(options["accelerated_networking"])
        properties["enableAcceleratedNetworking"] = wanted
    if group := options.get("security_group"):
        found = {"id": name_security_group(str(group), api)}
        properties["networkSecurityGroup"] = found
    return {"name": f"{spec.key}-nic", "properties": properties, **tags}


def _tag_parts(spec: CreateSpec, api: Api) -> dict[str, dict[str, str]]:
    """Return the tags by which what outlives its machine is found.

    The disk gets those of the machine by itself. Only the newest version of the API
    takes any for the others.
    """
    if not api.tags_parts:
        return {}
    return {"tags": {FLEET_TAG: spec.fleet, KEY_TAG: spec.key}}


def name_subnet(subnet: str, api: Api) -> str:
    """Return a subnet's id."""
    if subnet.startswith("/"):
        return subnet
    network, _, name = subnet.partition("/")
    return api.in_group(NETWORK, "virtualNetworks", network, "subnets", name)


def name_security_group(name: str, api: Api) -> str:
    """Return a network security group's id."""
    if name.startswith("/"):
        return name
    return api.in_group(NETWORK, "networkSecurityGroups", name)
