"""The credentials and options for Scaleway's servers, one field each.

guide.md lists them. Source: the operations and types of the vendor's SDK.
"""

from collections.abc import Mapping
from typing import Any, Final

from servers.outgoing.fields import Field

ADDRESSES: Final = {
    "public": "IPv4; IPv6 if there is none",
    "ipv6": "IPv6; IPv4 if there is none",
}
BLOCK: Final = "sbs_volume"
LOCAL: Final = "l_ssd"
DISKS: Final = {BLOCK: "Block storage", LOCAL: "Local storage"}
UUID: Final = "[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}"
_LIKE: Final = "11111111-2222-4333-8444-555555555555"

CREDENTIALS: Final = (
    Field(
        "secret_key",
        "Secret key",
        "Of an API key whose application may do what the guide says.",
        required=True,
        secret=True,
        pattern="[!-~]{1,500}",
        like=_LIKE,
    ),
    Field(
        "project_id",
        "Project",
        "The id of the project in which servers are created.",
        required=True,
        shown=True,
        pattern=UUID,
        like=_LIKE,
    ),
)

OPTIONS: Final = (
    Field(
        "disk_gb",
        "Root volume size (GB)",
        "In GB of 1,000,000,000 bytes. If empty, it has the image's size.",
        number=True,
        whole=True,
        least=1,
        most=10_000,
    ),
    Field(
        "disk_type",
        "Root volume type",
        "With a root volume size (default: block storage).",
        choices=DISKS,
    ),
    Field(
        "security_group",
        "Security group",
        "Its id. If empty, the project's default group is used.",
        pattern=UUID,
        like=_LIKE,
    ),
    Field(
        "placement_group",
        "Placement group",
        "The id of an existing group.",
        pattern=UUID,
        like=_LIKE,
    ),
    Field(
        "private_network",
        "Private network",
        "Its id. The instance is attached to it before it starts.",
        pattern=UUID,
        like=_LIKE,
    ),
    Field(
        "public_ipv4",
        "Public IPv4 address",
        "Whether each instance gets a dynamic one, which is billed (default: yes).",
        flag=True,
    ),
    Field(
        "public_ipv6",
        "Public IPv6 address",
        "Whether each instance gets a flexible one (default: no).",
        flag=True,
    ),
    Field(
        "address",
        "Address to use",
        "Which address of the instance the server gets (default: public).",
        choices=ADDRESSES,
    ),
)


def check_options(options: Mapping[str, Any]) -> str:
    """Return what is wrong with options that are valid one by one, or ""."""
    ipv4 = options.get("public_ipv4", True)
    ipv6 = options.get("public_ipv6", False)
    if not (ipv4 or ipv6):
        return (
            "An instance needs a public address: public_ipv4 or public_ipv6. Scaleway "
            "does not show the addresses in a private network."
        )
    if options.get("address") == "ipv6" and not ipv6:
        return "An IPv6 address needs public_ipv6."
    if options.get("disk_type") and not options.get("disk_gb"):
        return "A root volume type needs a root volume size."
    return ""
