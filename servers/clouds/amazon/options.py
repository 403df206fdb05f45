"""The options for EC2's instances in an account or a template, one field each.

Each sets a parameter of RunInstances. guide.md lists them, and the parameters
without an option.
Source: the Amazon EC2 API Reference, RunInstances and its data types.
"""

from collections.abc import Mapping
from typing import Any, Final

from servers.clouds.usual import disk_size
from servers.outgoing.fields import Field

MAX_HOPS: Final = 64
USUAL_HOPS: Final = 1
ADDRESSES: Final = {
    "public": "Public; private if there is none",
    "private": "Private",
    "ipv6": "IPv6; private if there is none",
}
_VOLUMES: Final = {
    "gp3": "gp3",
    "gp2": "gp2",
    "io2": "io2, provisioned IOPS",
    "io1": "io1, provisioned IOPS",
    "st1": "st1, throughput",
    "sc1": "sc1, cold",
    "standard": "magnetic",
}
_TENANCIES: Final = {"default": "Shared hardware", "dedicated": "Dedicated hardware"}
_CREDITS: Final = {
    "standard": "Standard",
    "unlimited": "Unlimited; extra use is billed",
}
_ID: Final = "[0-9A-Za-z]{1,40}"
_ARN: Final = r"arn:aws[a-z-]*:[!-~]{1,2000}"

OPTIONS: Final = (
    Field(
        "subnet",
        "Subnet",
        "If empty, EC2 uses the default network's.",
        pattern=f"subnet-{_ID}",
        like="subnet-0a1b2c3d",
    ),
    Field(
        "security_groups",
        "Security groups",
        "Separate several with commas. If empty, EC2 uses the network's default group.",
        several=True,
        pattern=f"sg-{_ID}",
        like="sg-0a1b2c3d",
    ),
    Field(
        "zone",
        "Availability zone",
        "A name or an id.",
        pattern="[a-z0-9-]{3,63}",
        like="eu-central-1a or euc1-az2",
    ),
    Field(
        "public_ip",
        "Public address",
        "Whether each instance gets a public IPv4 address (default: the subnet's "
        "setting).",
        flag=True,
    ),
    Field(
        "address",
        "Address to use",
        "Which address of the instance the server gets (default: public).",
        choices=ADDRESSES,
    ),
    Field(
        "instance_profile",
        "IAM instance profile",
        "The role of the instance: a name or an ARN.",
        pattern=rf"[A-Za-z0-9_+=,.@-]{{1,128}}|{_ARN}",
        like="builders",
    ),
    Field(
        "imdsv2",
        "Require IMDSv2",
        "Whether the metadata service answers only requests with a session token "
        "(default: yes).",
        flag=True,
    ),
    Field(
        "imds_hops",
        "Metadata hop limit",
        "With 1, containers on the instance can't use its role; with 2 they can. "
        f"The default is {USUAL_HOPS}.",
        number=True,
        whole=True,
        least=1,
        most=MAX_HOPS,
    ),
    disk_size(least=1, most=65536),
    Field("disk_type", "Root disk type", "Default: the image's.", choices=_VOLUMES),
    Field(
        "disk_iops",
        "Root disk IOPS",
        "For gp3, io1 and io2.",
        number=True,
        whole=True,
        least=100,
        most=256_000,
    ),
    Field(
        "disk_throughput",
        "Root disk throughput (MiB/s)",
        "For gp3.",
        number=True,
        whole=True,
        least=125,
        most=2000,
    ),
    Field(
        "disk_encrypted",
        "Encrypt the root disk",
        "Default: as set by the image and the region.",
        flag=True,
    ),
    Field(
        "disk_kms_key",
        "Root disk KMS key",
        "Encrypts the root disk. An id, an alias or an ARN.",
        pattern=rf"[A-Za-z0-9-]{{1,64}}|alias/[A-Za-z0-9/_-]{{1,250}}|{_ARN}",
        like="alias/builders",
    ),
    Field(
        "disk_device",
        "Root device",
        "Default: looked up from the image. Required if DescribeImages is not allowed.",
        pattern="/dev/[A-Za-z0-9/]{1,60}",
        like="/dev/xvda",
    ),
    Field(
        "ebs_optimized",
        "EBS-optimized",
        "For older sizes. Newer sizes always are.",
        flag=True,
    ),
    Field(
        "monitoring",
        "Detailed monitoring",
        "CloudWatch metrics every minute, billed by AWS (default: off).",
        flag=True,
    ),
    Field(
        "cpu_credits",
        "CPU credits",
        "For burstable sizes such as t3.",
        choices=_CREDITS,
    ),
    Field("tenancy", "Tenancy", "Default: shared.", choices=_TENANCIES),
    Field(
        "placement_group",
        "Placement group",
        "The name of an existing group.",
        pattern="[!-~]([ -~]{0,253}[!-~])?",
        like="builders",
    ),
    Field(
        "capacity_reservation",
        "Capacity reservation",
        "open (default), none, only (any of yours), a reservation's id, or a resource "
        "group's ARN.",
        pattern=rf"open|none|only|cr-{_ID}|{_ARN}",
        like="cr-0a1b2c3d or open",
    ),
    Field(
        "spot_max_price",
        "Highest spot price per hour (USD)",
        "For spot instances. If empty, you pay at most the on-demand price.",
        number=True,
        least=0.00001,
        most=10_000,
    ),
    Field(
        "launch_template",
        "Launch template",
        "An EC2 launch template, by id or name. ServerFleet's parameters override it.",
        pattern=r"lt-[0-9A-Za-z]{1,40}|[A-Za-z0-9()./_-]{3,128}",
        like="lt-0a1b2c3d",
    ),
    Field(
        "launch_template_version",
        "Launch template version",
        "A number, $Latest or $Default (default: $Default).",
        pattern=r"[0-9]{1,10}|\$Latest|\$Default",
        like="3 or $Latest",
    ),
)
_WITH_IOPS: Final = frozenset({"gp3", "io1", "io2"})
_NEEDS_IOPS: Final = frozenset({"io1", "io2"})


def check_options(options: Mapping[str, Any]) -> str:
    """Return what is wrong with options that are valid one by one, or ""."""
    volume = options.get("disk_type")
    if options.get("disk_iops") and volume and volume not in _WITH_IOPS:
        return f"A root disk of type {volume} takes no IOPS."
    if volume in _NEEDS_IOPS and not options.get("disk_iops"):
        return f"A root disk of type {volume} needs a value for IOPS."
    if options.get("disk_throughput") and volume not in {"gp3", "", None}:
        return f"A root disk of type {volume} takes no throughput."
    if options.get("disk_kms_key") and options.get("disk_encrypted") is False:
        return "A root disk with a KMS key is always encrypted. Remove disk_encrypted."
    if options.get("launch_template_version") and not options.get("launch_template"):
        return "A launch template version needs a launch template."
    return ""
