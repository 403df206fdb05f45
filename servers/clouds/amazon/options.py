"""What an account or a template may say of EC2's instances: one field each.

Each is a parameter of RunInstances; docs/ec2.md lists them beside those that have none.
Source: the Amazon EC2 API Reference, RunInstances and its data types.
"""

from collections.abc import Mapping
from typing import Any, Final

from servers.clouds.kind import Field

MOST_HOPS: Final = 64
USUAL_HOPS: Final = 1
ADDRESSES: Final = {
    "public": "The public one; the private one where there is none",
    "private": "The private one",
    "ipv6": "The IPv6 one; the private one where there is none",
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
_CREDITS: Final = {"standard": "Standard", "unlimited": "Unlimited, billed above"}
_ID: Final = "[0-9A-Za-z]{1,40}"
_ARN: Final = r"arn:aws[a-z-]*:[!-~]{1,2000}"

OPTIONS: Final = (
    Field(
        "subnet",
        "Subnet",
        "Without one, EC2 takes the default network's.",
        pattern=f"subnet-{_ID}",
        like="subnet-0a1b2c3d",
    ),
    Field(
        "security_groups",
        "Security groups",
        "Several by commas. Without any, EC2 takes the network's default group.",
        several=True,
        pattern=f"sg-{_ID}",
        like="sg-0a1b2c3d",
    ),
    Field(
        "zone",
        "Availability zone",
        "Its name or its id.",
        pattern="[a-z0-9-]{3,63}",
        like="eu-central-1a or euc1-az2",
    ),
    Field(
        "public_ip",
        "Public address",
        "Give each instance a public IPv4 address, or none. Usually as the subnet "
        "says.",
        flag=True,
    ),
    Field(
        "address",
        "Address to use",
        "Which address of an instance is its server's. Usually the public one.",
        choices=ADDRESSES,
    ),
    Field(
        "instance_profile",
        "IAM instance profile",
        "The role that the instance has: a name or an ARN.",
        pattern=rf"[A-Za-z0-9_+=,.@-]{{1,128}}|{_ARN}",
        like="builders",
    ),
    Field(
        "imdsv2",
        "Require IMDSv2",
        "Let the metadata service answer requests with a session token alone. "
        "Usually on.",
        flag=True,
    ),
    Field(
        "imds_hops",
        "Metadata hop limit",
        "1 keeps the instance's role from containers on it; 2 lets them use it. "
        f"Usually {USUAL_HOPS}.",
        number=True,
        whole=True,
        least=1,
        most=MOST_HOPS,
    ),
    Field(
        "disk_gib",
        "Root disk, GiB",
        "At least the image's. Usually the image's own size.",
        number=True,
        whole=True,
        least=1,
        most=65536,
    ),
    Field("disk_type", "Root disk's type", "Usually the image's.", choices=_VOLUMES),
    Field(
        "disk_iops",
        "Root disk's IOPS",
        "For gp3, io1 and io2.",
        number=True,
        whole=True,
        least=100,
        most=256_000,
    ),
    Field(
        "disk_throughput",
        "Root disk's throughput, MiB/s",
        "For gp3.",
        number=True,
        whole=True,
        least=125,
        most=2000,
    ),
    Field(
        "disk_encrypted",
        "Encrypt the root disk",
        "Usually as the image and the region's settings say.",
        flag=True,
    ),
    Field(
        "disk_kms_key",
        "Root disk's KMS key",
        "An id, an alias or an ARN; it encrypts the root disk.",
        pattern=rf"[A-Za-z0-9-]{{1,64}}|alias/[A-Za-z0-9/_-]{{1,250}}|{_ARN}",
        like="alias/builders",
    ),
    Field(
        "disk_device",
        "Root disk's device",
        "Usually looked up at the image; needed where you don't allow DescribeImages.",
        pattern="/dev/[A-Za-z0-9/]{1,60}",
        like="/dev/xvda",
    ),
    Field(
        "ebs_optimized",
        "EBS-optimized",
        "For older sizes; newer ones always are.",
        flag=True,
    ),
    Field(
        "monitoring",
        "Detailed monitoring",
        "CloudWatch each minute; AWS bills it. Usually off.",
        flag=True,
    ),
    Field(
        "cpu_credits",
        "CPU credits",
        "For burstable sizes such as t3.",
        choices=_CREDITS,
    ),
    Field("tenancy", "Tenancy", "Usually shared.", choices=_TENANCIES),
    Field(
        "placement_group",
        "Placement group",
        "The name of one that exists.",
        pattern="[!-~]([ -~]{0,253}[!-~])?",
        like="builders",
    ),
    Field(
        "capacity_reservation",
        "Capacity reservation",
        "open, none, only (in any of yours), one's id, or a resource group's ARN. "
        "Usually open.",
        pattern=rf"open|none|only|cr-{_ID}|{_ARN}",
        like="cr-0a1b2c3d or open",
    ),
    Field(
        "launch_template",
        "Launch template",
        "One of EC2's own, by id or name. What ServerFleet sends goes above it.",
        pattern=r"lt-[0-9A-Za-z]{1,40}|[A-Za-z0-9()./_-]{3,128}",
        like="lt-0a1b2c3d",
    ),
    Field(
        "launch_template_version",
        "Launch template's version",
        "A number, $Latest or $Default. Usually $Default.",
        pattern=r"[0-9]{1,10}|\$Latest|\$Default",
        like="3 or $Latest",
    ),
)
_BY_NAME: Final = {option.name: option for option in OPTIONS}
_WITH_IOPS: Final = frozenset({"gp3", "io1", "io2"})
_NEEDS_IOPS: Final = frozenset({"io1", "io2"})


def check_options(options: Mapping[str, Any]) -> str:
    """Return what is wrong with options that are right one by one, or ""."""
    volume = options.get("disk_type")
    if options.get("disk_iops") and volume and volume not in _WITH_IOPS:
        return f"A root disk of type {volume} takes no IOPS."
    if volume in _NEEDS_IOPS and not options.get("disk_iops"):
        return f"A root disk of type {volume} needs its IOPS."
    if options.get("disk_throughput") and volume not in {"gp3", "", None}:
        return f"A root disk of type {volume} takes no throughput."
    if options.get("disk_kms_key") and options.get("disk_encrypted") is False:
        return "A root disk with a KMS key is encrypted: leave disk_encrypted out."
    if options.get("launch_template_version") and not options.get("launch_template"):
        return "A launch template's version needs the launch template."
    return ""


def find_wrong(options: Mapping[str, Any]) -> str:
    """Return what is wrong with options as they are stored, or ""."""
    for name, value in options.items():
        option = _BY_NAME.get(name)
        # Others are not EC2's (the account's timings), and change no call.
        if option is not None and (message := option.check(value)):
            return f"The option {name} is wrong: {message}"
    return check_options(options)
