"""The options for Google's instances in an account or a template, one field each.

Each sets a part of instances.insert. guide.md lists them, and what has no option.
Source: the Compute Engine API's discovery document, Instance and what it refers to.
"""

from collections.abc import Mapping
from typing import Any, Final

from servers.clouds.usual import disk_size
from servers.outgoing.fields import Field

ADDRESSES: Final = {
    "public": "Public; private if there is none",
    "private": "Private",
    "ipv6": "IPv6; private if there is none",
}
STACKS: Final = {
    "ipv4": "IPv4",
    "dual": "IPv4 and IPv6",
    "ipv6": "IPv6 only",
}
_DISKS: Final = {
    "pd-balanced": "Balanced persistent disk",
    "pd-ssd": "SSD persistent disk",
    "pd-standard": "Standard persistent disk",
    "pd-extreme": "Extreme persistent disk, provisioned IOPS",
    "hyperdisk-balanced": "Hyperdisk Balanced",
    "hyperdisk-extreme": "Hyperdisk Extreme, provisioned IOPS",
}
_WITH_IOPS: Final = frozenset({"pd-extreme", "hyperdisk-balanced", "hyperdisk-extreme"})
_WITH_THROUGHPUT: Final = frozenset({"hyperdisk-balanced"})
_TIERS: Final = {"PREMIUM": "Premium", "STANDARD": "Standard"}
_LABEL: Final = "[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?"
PROJECT: Final = (
    r"(?:[a-z0-9-]{1,63}(?:\.[a-z0-9-]{1,63}){1,5}:)?"
    "[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
)

OPTIONS: Final = (
    Field(
        "zone",
        "Zone",
        "If empty, ServerFleet spreads instances over the region's zones.",
        pattern=f"{_LABEL}-[a-z0-9]{{1,9}}",
        like="europe-west1-b",
    ),
    Field(
        "network",
        "Network",
        "A name, or a path if it belongs to another project (default: default).",
        pattern=rf"{_LABEL}|projects/{PROJECT}/global/networks/{_LABEL}",
        like="default",
    ),
    Field(
        "subnet",
        "Subnet",
        "A name, or a path if it belongs to another project. Needed if the network "
        "creates no subnets by itself.",
        pattern=rf"{_LABEL}|projects/{PROJECT}/regions/{_LABEL}/subnetworks/{_LABEL}",
        like="builders",
    ),
    Field(
        "network_tags",
        "Network tags",
        "Firewall rules apply to instances by these. Separate several with commas.",
        several=True,
        pattern=_LABEL,
        like="builders",
    ),
    Field(
        "ip_stack",
        "IP versions",
        "Which the instance has (default: IPv4). The subnet must have them, too.",
        choices=STACKS,
    ),
    Field(
        "public_ip",
        "Public address",
        "Whether each instance gets one, which is billed (default: yes). Without it, "
        "the network needs Cloud NAT to reach the internet.",
        flag=True,
    ),
    Field("network_tier", "Network tier", "Default: the project's.", choices=_TIERS),
    Field(
        "address",
        "Address to use",
        "Which address of the instance the server gets (default: public).",
        choices=ADDRESSES,
    ),
    disk_size(least=10, most=65536),
    Field(
        "disk_type",
        "Root disk type",
        "Default: Google's for the size. Some sizes take only Hyperdisk.",
        choices=_DISKS,
    ),
    Field(
        "disk_iops",
        "Root disk IOPS",
        "For Hyperdisk and Extreme disks.",
        number=True,
        whole=True,
        least=2000,
        most=350_000,
    ),
    Field(
        "disk_throughput",
        "Root disk throughput (MiB/s)",
        "For Hyperdisk Balanced.",
        number=True,
        whole=True,
        least=140,
        most=10_000,
    ),
    Field(
        "disk_kms_key",
        "Root disk KMS key",
        "The path of a key in Cloud KMS.",
        pattern=r"projects/[a-z0-9:.-]{1,127}/locations/[a-z0-9-]{1,63}/keyRings/"
        r"[A-Za-z0-9_-]{1,63}/cryptoKeys/[A-Za-z0-9_-]{1,63}",
        like="projects/acme/locations/europe-west1/keyRings/ci/cryptoKeys/builders",
    ),
    Field(
        "service_account",
        "Service account of the instance",
        "Its email address. If empty, the instance has no credentials for Google's "
        "services.",
        pattern=r"[a-z0-9-]{1,63}@[a-z0-9.-]{1,200}",
        like="builders@acme.iam.gserviceaccount.com",
    ),
    Field(
        "scopes",
        "Access scopes",
        "Of the service account (default: cloud-platform). Separate several with "
        "commas.",
        several=True,
        pattern=r"[a-z0-9_.-]{1,80}|https://www\.googleapis\.com/auth/[a-z0-9_.-]{1,80}",
        like="logging.write",
    ),
    Field(
        "reservation",
        "Reservation",
        "any (default), none, or the name of a reservation that must be used.",
        pattern=_LABEL,
        like="builders",
    ),
    Field(
        "nested_virtualization",
        "Nested virtualization",
        "Whether builds can run virtual machines, such as Android emulators "
        "(default: no).",
        flag=True,
    ),
    Field(
        "secure_boot",
        "Secure boot",
        "Whether only signed kernels boot (default: no).",
        flag=True,
    ),
    Field(
        "block_project_keys",
        "Block the project's SSH keys",
        "Whether the SSH keys of the project's metadata don't work (default: no).",
        flag=True,
    ),
)


def check_options(options: Mapping[str, Any]) -> str:
    """Return what is wrong with options that are valid one by one, or ""."""
    disk = options.get("disk_type") or ""
    if options.get("disk_iops") and disk not in _WITH_IOPS:
        return "IOPS need a root disk type that has them, such as hyperdisk-balanced."
    if options.get("disk_throughput") and disk not in _WITH_THROUGHPUT:
        return "Throughput needs the root disk type hyperdisk-balanced."
    stack = options.get("ip_stack") or "ipv4"
    if options.get("address") == "ipv6" and stack == "ipv4":
        return "An IPv6 address needs ip_stack dual or ipv6."
    if stack != "ipv4" and not options.get("subnet"):
        return "IPv6 needs a subnet that has it."
    if options.get("scopes") and not options.get("service_account"):
        return "Access scopes need a service account."
    return ""
