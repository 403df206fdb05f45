"""The options for Hetzner Cloud's servers in an account or a template.

Each sets a part of the create call. guide.md lists them, and what has no option.
Source: the Hetzner Cloud API reference, "Create a Server".
"""

from collections.abc import Mapping
from typing import Any, Final

from servers.outgoing.fields import Field, read_several

ADDRESSES: Final = {
    "public": "Public; private if there is none",
    "private": "Private",
    "ipv6": "IPv6; private if there is none",
}
_ID: Final = "[0-9]{1,18}"

CREDENTIALS: Final = (
    Field(
        "token",
        "API token",
        "With the permission Read & Write. It belongs to one project.",
        required=True,
        secret=True,
        pattern="[!-~]{1,500}",
        like="jEheVytlAoFl7F8M…",
    ),
)

OPTIONS: Final = (
    Field(
        "networks",
        "Networks",
        "The ids of private networks, separated by commas.",
        several=True,
        pattern=_ID,
        like="4711",
    ),
    Field(
        "firewalls",
        "Firewalls",
        "The ids of firewalls, separated by commas. If empty, all ports are open.",
        several=True,
        pattern=_ID,
        like="4711",
    ),
    Field(
        "placement_group",
        "Placement group",
        "The id of an existing group. A group of type spread holds 10 servers.",
        pattern=_ID,
        like="4711",
    ),
    Field(
        "public_ipv4",
        "Public IPv4 address",
        "Whether each instance gets one, which is billed (default: yes).",
        flag=True,
    ),
    Field(
        "public_ipv6",
        "Public IPv6 address",
        "Whether each instance gets an IPv6 network (default: yes).",
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
    ipv6 = options.get("public_ipv6", True)
    networks = read_ids(options.get("networks"))
    if not (ipv4 or ipv6 or networks):
        return "An instance without public addresses needs a network."
    if options.get("address") == "private" and not networks:
        return "A private address needs a network."
    if options.get("address") == "ipv6" and not (ipv6 or networks):
        return "An IPv6 address needs public_ipv6."
    return ""


def read_ids(value: Any) -> list[int]:
    """Return the ids in an option with several."""
    return [int(each) for each in read_several(value)]
