"""The options for DigitalOcean's Droplets in an account or a template.

Each sets a part of the create call. guide.md lists them, and what has no option.
Source: the DigitalOcean API reference, "Create a New Droplet".
"""

from collections.abc import Mapping
from typing import Any, Final

from servers.clouds.flat_tags import check_tags
from servers.outgoing.fields import Field

ADDRESSES: Final = {
    "public": "Public; private if there is none",
    "private": "Private",
    "ipv6": "IPv6; private if there is none",
}
# Those by which Droplets are found are never a person's. Case does not matter there.
TAG: Final = "(?!(?i:serverfleet-))[A-Za-z0-9:_-]{1,255}"

CREDENTIALS: Final = (
    Field(
        "token",
        "API token",
        "A personal access token. It belongs to one team.",
        required=True,
        secret=True,
        pattern="[!-~]{1,500}",
        like="dop_v1_4f1c…",
    ),
)

OPTIONS: Final = (
    Field(
        "vpc",
        "VPC network",
        "The id of a network in the region. If empty, the region's default one.",
        pattern="[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}",
        like="5a4981aa-9653-4bd1-bef5-d6bff52042e4",
    ),
    Field(
        "tags",
        "Tags",
        "Tags of the account, separated by commas. A firewall applies to Droplets "
        "with its tags.",
        several=True,
        pattern=f" *{TAG} *",
        like="build-machines",
    ),
    Field(
        "public_networking",
        "Public address",
        "Whether each Droplet gets a public IPv4 address (default: yes).",
        flag=True,
    ),
    Field(
        "ipv6",
        "IPv6 address",
        "Whether each Droplet also gets a public IPv6 address (default: no).",
        flag=True,
    ),
    Field(
        "monitoring",
        "Monitoring",
        "Whether DigitalOcean's agent for graphs and alerts is installed (default: "
        "no).",
        flag=True,
    ),
    Field(
        "address",
        "Address to use",
        "Which address of the Droplet the server gets (default: public).",
        choices=ADDRESSES,
    ),
)


def check_options(options: Mapping[str, Any]) -> str:
    """Return what is wrong with options that are valid one by one, or ""."""
    if options.get("ipv6") and not options.get("public_networking", True):
        return "A Droplet without public_networking can't have ipv6."
    if options.get("address") == "ipv6" and not options.get("ipv6"):
        return "An IPv6 address needs ipv6."
    return check_tags(options)
