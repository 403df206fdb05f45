"""The options for Linodes in an account or a template, one field each.

Each sets a part of the create call. guide.md lists them, and what has no option.
Source: the Linode API reference, "Create a Linode".
"""

from collections.abc import Mapping
from typing import Any, Final

from servers.clouds.flat_tags import check_tags
from servers.outgoing.fields import Field

ADDRESSES: Final = {
    "public": "Public",
    "private": "Private",
    "ipv6": "IPv6",
}
TAG: Final = "[A-Za-z0-9:_.-]{3,50}"
_ID: Final = "[1-9][0-9]{0,17}"

CREDENTIALS: Final = (
    Field(
        "token",
        "Personal access token",
        "Of an unrestricted user. It belongs to one account.",
        required=True,
        secret=True,
        pattern="[!-~]{1,500}",
        like="4f1c7e0b9a6d2358…",
    ),
)

OPTIONS: Final = (
    Field(
        "firewall",
        "Cloud Firewall",
        "The id of a firewall. If empty, all ports are open.",
        pattern=_ID,
        like="4711",
    ),
    Field(
        "subnet",
        "VPC subnet",
        "The id of a subnet in the region. The public address then leads to the "
        "interface there.",
        pattern=_ID,
        like="4711",
    ),
    Field(
        "placement_group",
        "Placement group",
        "The id of an existing group in the region. A group holds few Linodes.",
        pattern=_ID,
        like="4711",
    ),
    Field(
        "private_ip",
        "Private address",
        "Whether each Linode also gets an address in the region's private network, "
        "which all customers share (default: no).",
        flag=True,
    ),
    Field(
        "tags",
        "Tags",
        "Tags of the account, separated by commas.",
        several=True,
        pattern=f" *{TAG} *",
        like="build-machines",
    ),
    Field(
        "address",
        "Address to use",
        "Which address of the Linode the server gets (default: public).",
        choices=ADDRESSES,
    ),
)


def check_options(options: Mapping[str, Any]) -> str:
    """Return what is wrong with options that are valid one by one, or ""."""
    if options.get("private_ip") and options.get("subnet"):
        return "A Linode in a VPC subnet can't have a private_ip."
    if options.get("address") == "private" and not options.get("private_ip"):
        return "A private address needs private_ip."
    if options.get("address") == "ipv6" and options.get("subnet"):
        return "A Linode in a VPC subnet can't be reached by IPv6."
    return check_tags(options)
