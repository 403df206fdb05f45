"""The options for Azure's instances in an account or a template, one field each.

Each sets a part of the virtual machine. guide.md lists them, and what has no option.
Source: the description of Microsoft.Compute, VirtualMachine and what it refers to.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

from servers.clouds.azure.places import CLOUDS
from servers.clouds.usual import disk_size
from servers.outgoing.fields import Field

UUID: Final = r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
_NAME: Final = r"[A-Za-z0-9_](?:[\w.-]{0,78}\w)?"
GROUP: Final = r"[\w.()-]{0,89}[\w()-]"
ADDRESSES: Final = {
    "public": "Public; private if there is none",
    "private": "Private",
    "ipv6": "IPv6; private if there is none",
}
STACKS: Final = {"ipv4": "IPv4", "dual": "IPv4 and IPv6"}
_DISKS: Final = {
    "Standard_LRS": "Standard HDD",
    "StandardSSD_LRS": "Standard SSD",
    "Premium_LRS": "Premium SSD",
    "StandardSSD_ZRS": "Standard SSD, zone-redundant",
    "Premium_ZRS": "Premium SSD, zone-redundant",
}
EPHEMERAL: Final = {
    "CacheDisk": "On the size's cache disk",
    "ResourceDisk": "On the size's temporary disk",
    "NvmeDisk": "On the size's NVMe disk",
}
DEFAULT_USER: Final = "azureuser"
# Azure refuses these as the administrator's name.
_REFUSED_USERS: Final = frozenset(
    {
        *("administrator", "admin", "user", "user1", "test", "user2", "test1"),
        *("user3", "admin1", "1", "123", "a", "actuser", "adm", "admin2", "aspnet"),
        *("backup", "console", "david", "guest", "john", "owner", "root", "server"),
        *("sql", "support", "support_388945a0", "sys", "test2", "test3", "user4"),
        "user5",
    }
)


def _path(provider: str, *kinds: str) -> str:
    """Return the pattern of a resource's id."""
    inside = "".join(f"/{kind}/{_NAME}" for kind in kinds)
    return (
        rf"/(?i:subscriptions)/{UUID}/(?i:resourceGroups)/{GROUP}"
        rf"/(?i:providers)/(?i:{provider}){inside}"
    )


ACCOUNT_OPTIONS: Final = (
    Field(
        "resource_group",
        "Resource group",
        "Holds this fleet's instances and what belongs to them. Use one that has "
        "nothing else in it.",
        required=True,
        pattern=GROUP,
        like="builders",
    ),
    Field(
        "cloud",
        "Cloud",
        "Which of Microsoft's clouds the subscription is in (default: Azure).",
        choices=CLOUDS,
        directs=True,
    ),
)
OPTIONS: Final = (
    Field(
        "subnet",
        "Subnet",
        "NETWORK/SUBNET of the resource group, or the id of a subnet of another group. "
        "Needed in the account or in the template.",
        pattern=rf"{_NAME}/{_NAME}"
        rf"|{_path('Microsoft.Network', '(?i:virtualNetworks)', '(?i:subnets)')}",
        like="builders/default",
    ),
    Field(
        "security_group",
        "Network security group",
        "Its name in the resource group, or its id. Needed to reach a public address, "
        "unless the subnet has one.",
        pattern=rf"{_NAME}|{_path('Microsoft.Network', '(?i:networkSecurityGroups)')}",
        like="builders",
    ),
    Field(
        "public_ip",
        "Public address",
        "Whether each instance gets one, which is billed (default: yes). Without it, "
        "the subnet needs a NAT gateway to reach the internet.",
        flag=True,
    ),
    Field(
        "ip_stack",
        "IP versions",
        "Which the instance has (default: IPv4). The subnet must have them, too.",
        choices=STACKS,
    ),
    Field(
        "address",
        "Address to use",
        "Which address of the instance the server gets (default: public).",
        choices=ADDRESSES,
    ),
    Field(
        "zone",
        "Zone",
        "1, 2 or 3. If empty, Azure uses none.",
        pattern="[1-9]",
        like="1",
    ),
    disk_size(least=1, most=4095),
    Field("disk_type", "Root disk type", "Default: Azure's.", choices=_DISKS),
    Field(
        "ephemeral_disk",
        "Ephemeral root disk",
        "Puts the root disk on the host, which is faster and not billed. The size must "
        "have such a disk, and the image must fit on it.",
        choices=EPHEMERAL,
    ),
    Field(
        "admin_user",
        "User name",
        f"Gets the template's SSH key (default: {DEFAULT_USER}).",
        pattern="[a-z_][a-z0-9_-]{0,31}",
        like=DEFAULT_USER,
    ),
    Field(
        "identities",
        "Managed identities of the instance",
        "Ids of user-assigned identities. If empty, the instance has no credentials "
        "for Azure. Separate several with commas.",
        several=True,
        pattern=_path("Microsoft.ManagedIdentity", "(?i:userAssignedIdentities)"),
        like="/subscriptions/…/userAssignedIdentities/builders",
    ),
    Field(
        "max_price",
        "Highest spot price (US dollars per hour)",
        "Default: the price without spot.",
        number=True,
        least=0.00001,
        most=1000,
    ),
    Field(
        "capacity_reservation",
        "Capacity reservation group",
        "The id of a group whose reserved capacity is used.",
        pattern=_path("Microsoft.Compute", "(?i:capacityReservationGroups)"),
        like="/subscriptions/…/capacityReservationGroups/builders",
    ),
    Field(
        "plan",
        "Marketplace plan",
        "PUBLISHER/PRODUCT/NAME, for images that have one. Its terms must have been "
        "accepted.",
        pattern=rf"{_NAME}/{_NAME}/{_NAME}",
        like="publisher/product/name",
    ),
    Field(
        "accelerated_networking",
        "Accelerated networking",
        "Whether the interface bypasses the host. The size must support it.",
        flag=True,
    ),
    Field(
        "encryption_at_host",
        "Encryption at host",
        "Whether temporary disks and caches are encrypted, too (default: no).",
        flag=True,
    ),
    Field(
        "secure_boot",
        "Secure boot",
        "Whether only signed kernels boot (Trusted Launch, default: no).",
        flag=True,
    ),
)


def check_options(options: Mapping[str, Any]) -> str:
    """Return what is wrong with options that are valid one by one, or ""."""
    if options.get("ephemeral_disk") and options.get("disk_type"):
        return "An ephemeral root disk has no type. Leave disk_type empty."
    if options.get("address") == "ipv6" and options.get("ip_stack") != "dual":
        return "An IPv6 address needs ip_stack dual."
    user = str(options.get("admin_user") or DEFAULT_USER)
    if user in _REFUSED_USERS:
        return f"Azure refuses the user name {user}. Use another admin_user."
    return ""


def is_group(name: str) -> bool:
    """Tell whether a resource group can have this name."""
    return bool(re.fullmatch(GROUP, name))
