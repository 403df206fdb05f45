"""Whether Azure would accept a call. Virtual machines have no dry run.

What the credentials may do is asked of Microsoft.Authorization, what a create refers to
is looked up, and whether instances can be deleted is tested with one that does not
exist.
"""

import re
import secrets
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any, Final

from servers.clouds.azure.api import COMPUTE, Api
from servers.clouds.azure.errors import NAME, GroupMissingError
from servers.clouds.azure.offers import get_image
from servers.clouds.base import About
from servers.clouds.parts import look_up
from servers.outgoing import reading
from servers.outgoing.errors import (
    CredentialsError,
    MissingError,
    RefusedError,
    UnknownOutcomeError,
)

ACTIONS: Final = (
    "Microsoft.Compute/virtualMachines/read",
    "Microsoft.Compute/virtualMachines/write",
    "Microsoft.Compute/virtualMachines/delete",
    "Microsoft.Compute/disks/read",
    "Microsoft.Compute/disks/write",
    "Microsoft.Compute/disks/delete",
    "Microsoft.Network/networkInterfaces/read",
    "Microsoft.Network/networkInterfaces/write",
    "Microsoft.Network/networkInterfaces/delete",
    "Microsoft.Network/networkInterfaces/join/action",
)
ADDRESS_ACTIONS: Final = (
    "Microsoft.Network/publicIPAddresses/read",
    "Microsoft.Network/publicIPAddresses/write",
    "Microsoft.Network/publicIPAddresses/delete",
    "Microsoft.Network/publicIPAddresses/join/action",
)


def check_rights(api: Api, body: Mapping[str, Any]) -> str:
    """Raise CredentialsError for an action that a create needs and is missing.

    Returns why that could not be tested, or "".
    """
    needed = [*ACTIONS]
    if "publicIPAddressConfiguration" in str(_find_interface(body)):
        needed += ADDRESS_ACTIONS
    path = api.in_group("Microsoft.Authorization", "permissions")
    try:
        granted = list(api.entries(path))
    except GroupMissingError as error:
        raise RefusedError(error.message) from None
    except (RefusedError, MissingError) as error:
        return f"Which actions the credentials have was not tested: {error.message}"
    missing = [each for each in needed if not may(granted, each)]
    if missing:
        raise CredentialsError(
            f"The credentials lack {', '.join(missing)} in the resource group "
            f"{api.group}. Give the service principal a role with these actions."
        )
    return ""


def may(granted: Iterable[Mapping[str, Any]], action: str) -> bool:
    """Tell whether permissions, as Azure lists them, allow an action."""
    return any(
        _matches(reading.texts(each, "actions"), action)
        and not _matches(reading.texts(each, "notActions"), action)
        for each in granted
    )


def _matches(patterns: Iterable[str], action: str) -> bool:
    for each in patterns:
        parts = map(re.escape, each.split("*"))
        if re.fullmatch(".*".join(parts), action, re.IGNORECASE):
            return True
    return False


def check_parts(api: Api, body: Mapping[str, Any]) -> tuple[str, ...]:
    """Raise RefusedError for a part of a create that does not exist."""
    inside = body["properties"]
    size = str(inside["hardwareProfile"]["vmSize"])
    image = inside["storageProfile"]["imageReference"]
    interface = _find_interface(body)["properties"]
    subnet = str(interface["ipConfigurations"][0]["properties"]["subnet"]["id"])
    group = str(interface.get("networkSecurityGroup", {}).get("id", ""))
    looks: list[tuple[str, Callable[[], Any], About]] = [
        (f"size {size}", partial(_find_size, api, size), About.SIZE),
        (
            f"image {':'.join(image.values())}",
            partial(get_image, api, image),
            About.IMAGE,
        ),
        (f"subnet {subnet}", partial(api.get, subnet), About.NETWORK),
    ]
    if group:
        what = f"network security group {group}"
        looks.append((what, partial(api.get, group), About.NETWORK))
    return tuple(filter(None, (look_up(NAME, *each) for each in looks)))


def check_deleting(api: Api) -> None:
    """Raise CredentialsError if instances can't be deleted.

    The name is random, so no instance has it.
    """
    name = f"serverfleet-check-{secrets.token_hex(16)}"
    path = api.in_group(COMPUTE, "virtualMachines", name)
    try:
        reply = api.ask("DELETE", path)
    except GroupMissingError as error:
        raise CredentialsError(error.message) from None
    except MissingError:
        return  # allowed; the instance is missing, as expected
    if reply.status != 204:
        raise UnknownOutcomeError(f"{NAME} deleted an instance that does not exist.")


def _find_interface(body: Mapping[str, Any]) -> Mapping[str, Any]:
    profile = body["properties"]["networkProfile"]
    found: Mapping[str, Any] = profile["networkInterfaceConfigurations"][0]
    return found


def _find_size(api: Api, size: str) -> None:
    for each in api.entries(api.in_location("vmSizes")):
        if reading.text(each, "name").lower() == size.lower():
            return
    raise MissingError(size)
