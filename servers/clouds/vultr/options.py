"""The options for Vultr's instances in an account or a template.

Each sets a part of the create call. guide.md lists them, and what has no option.
Source: the Vultr API reference, "Create Instance".
"""

from collections.abc import Mapping
from typing import Any, Final

from servers.clouds.flat_tags import check_tags
from servers.outgoing.fields import Field, read_several

ADDRESSES: Final = {
    "public": "Public IPv4; IPv6 if there is none",
    "private": "Private, in the VPC network",
    "ipv6": "Public IPv6",
}
UUID: Final = "[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
# Those by which instances are found are never a person's.
TAG: Final = "(?!serverfleet-)[A-Za-z0-9:._/-]{1,128}"

CREDENTIALS: Final = (
    Field(
        "api_key",
        "API key",
        "The API key of a user of the account.",
        required=True,
        secret=True,
        pattern="[!-~]{1,500}",
        like="R5QX2VD3…",
    ),
)

OPTIONS: Final = (
    Field(
        "vpcs",
        "VPC networks",
        "The ids of networks in the region, separated by commas. If empty, none.",
        several=True,
        pattern=f" *{UUID} *",
        like="5a4981aa-9653-4bd1-bef5-d6bff52042e4",
    ),
    Field(
        "firewall_group",
        "Firewall group",
        "The id of a group. If empty, Vultr filters nothing.",
        pattern=UUID,
        like="cb676a46-66fd-4dfb-b839-443f2e6c0b60",
    ),
    Field(
        "tags",
        "Tags",
        "More tags for each instance, separated by commas.",
        several=True,
        pattern=f" *{TAG} *",
        like="build-machines",
    ),
    Field(
        "public_ipv4",
        "Public IPv4 address",
        "Whether each instance gets a public IPv4 address (default: yes).",
        flag=True,
    ),
    Field(
        "ipv6",
        "IPv6 address",
        "Whether each instance gets a public IPv6 address (default: no).",
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
    if options.get("public_ipv4") is False and not options.get("ipv6"):
        return "An instance without public_ipv4 needs ipv6."
    if options.get("address") == "ipv6" and not options.get("ipv6"):
        return "An IPv6 address needs ipv6."
    if options.get("address") == "private" and not read_several(options.get("vpcs")):
        return "A private address needs vpcs."
    return check_tags(options)
