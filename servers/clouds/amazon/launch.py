"""The parameters of RunInstances: one instance, its tags and its options in one call.

Source: the Amazon EC2 API Reference, RunInstances. guide.md lists which of its
parameters are used, and why the others are not.
"""

import base64
import re
from collections.abc import Mapping
from typing import Any, Final

from servers.clouds.amazon.options import OPTIONS, USUAL_HOPS, check_options
from servers.clouds.base import CreateSpec
from servers.clouds.capabilities import Capabilities, TagRules
from servers.clouds.fitting import refuse_options
from servers.outgoing.errors import RefusedError
from servers.outgoing.fields import read_several

# Source: the EC2 User Guide, "Tag restrictions" and "Run commands at launch".
CAPABILITIES: Final = Capabilities(
    tags=TagRules(
        most=50,
        own=4,  # fleet, server, key and Name
        tagging=frozenset({"address"}),
        reserved={"Name": "this tag holds the server's name."},
        prefixes=("aws:",),
    ),
    user_data_bytes=16 * 1024,
    user_data_in_base64=True,
    user_data_gzip=True,
    idempotency_token=True,
    finds_by_key=True,
    dry_run=True,
    catalogue=True,
    lists_all_sizes=True,
    image_owners="self|amazon|aws-marketplace|[0-9]{12}",
    image_owners_like="self, amazon or 099720109477",
    spot=True,
    stopping_ends=True,  # by InstanceInitiatedShutdownBehavior
)
# What RunInstances creates and can tag in the same call. A policy may require tags on
# each of them, and leftover volumes are found by their tags.
_TAGGED: Final = ("instance", "volume", "network-interface")
_SPOT_TAGGED: Final = (*_TAGGED, "spot-instances-request")
_ZONE_ID: Final = re.compile(r"[a-z0-9]+-az[0-9]+")
_DISK: Final = {
    "disk_gib": "VolumeSize",
    "disk_type": "VolumeType",
    "disk_iops": "Iops",
    "disk_throughput": "Throughput",
    "disk_encrypted": "Encrypted",
    "disk_kms_key": "KmsKeyId",
}
_TEXTS: Final = {
    "tenancy": "Placement.Tenancy",
    "placement_group": "Placement.GroupName",
    "cpu_credits": "CreditSpecification.CpuCredits",
}
_FLAGS: Final = {"ebs_optimized": "EbsOptimized", "monitoring": "Monitoring.Enabled"}
_PREFERENCES: Final = {
    "open": "open",
    "none": "none",
    "only": "capacity-reservations-only",
}

Params = dict[str, str]


def build_run_params(
    spec: CreateSpec, options: Mapping[str, Any], *, root_device: str = ""
) -> Params:
    """Return RunInstances' parameters. Raise RefusedError if they can't be built.

    ``options`` are the account's, overridden by the template's. ``root_device`` is the
    image's, needed if ``changes_disk`` says so and no option names it.
    """
    refuse_wrong(options)
    user_data = CAPABILITIES.pack_user_data(spec.user_data, compresses=spec.compresses)
    if wrong := CAPABILITIES.check_user_data(len(user_data)):
        raise RefusedError(wrong)
    params = {
        "Action": "RunInstances",
        "ImageId": spec.image,
        "InstanceType": spec.size,
        "MinCount": "1",
        "MaxCount": "1",
        "ClientToken": spec.token,
        # An instance that shuts itself down is terminated, not kept and billed.
        "InstanceInitiatedShutdownBehavior": "terminate",
    }
    params |= _tag_params(spec)
    if user_data:
        params["UserData"] = base64.b64encode(user_data).decode()
    if spec.ssh_key:
        params["KeyName"] = spec.ssh_key
    params |= _network_params(options)
    params |= _metadata_params(options)
    params |= _machine_params(options)
    params |= _launch_template_params(options)
    if spec.spot:
        params |= _spot_params(options)
    if changes_disk(options):
        device = str(options.get("disk_device") or root_device)
        params |= _disk_params(options, device)
    return params


def refuse_wrong(options: Mapping[str, Any]) -> None:
    """Raise RefusedError if stored options are not valid."""
    refuse_options(options, OPTIONS, check_options)


def changes_disk(options: Mapping[str, Any]) -> bool:
    """Tell whether the root disk should differ from the image's."""
    return any(_is_set(options.get(name)) for name in _DISK)


def _is_set(value: object) -> bool:
    return value not in ("", None, [])


def _flag(value: Any) -> str:
    return "true" if value else "false"


def _tag_params(spec: CreateSpec) -> Params:
    tags = {**spec.tags, "Name": spec.name}
    params = {}
    kinds = _SPOT_TAGGED if spec.spot else _TAGGED
    for kind_number, kind in enumerate(kinds, start=1):
        prefix = f"TagSpecification.{kind_number}"
        params[f"{prefix}.ResourceType"] = kind
        for number, (name, value) in enumerate(sorted(tags.items()), start=1):
            params[f"{prefix}.Tag.{number}.Key"] = name
            params[f"{prefix}.Tag.{number}.Value"] = value
    return params


def _network_params(options: Mapping[str, Any]) -> Params:
    """Return subnet and groups, on a network interface if ``public_ip`` is set."""
    prefix, params = "", {}
    public_ip = options.get("public_ip")
    if public_ip is not None:
        # EC2 accepts these either all on the interface, or all on the call.
        prefix = "NetworkInterface.1."
        params = {
            f"{prefix}DeviceIndex": "0",
            f"{prefix}DeleteOnTermination": "true",
            f"{prefix}AssociatePublicIpAddress": _flag(public_ip),
        }
    if subnet := options.get("subnet"):
        params[f"{prefix}SubnetId"] = str(subnet)
    groups = read_several(options.get("security_groups"))
    for number, group in enumerate(groups, start=1):
        params[f"{prefix}SecurityGroupId.{number}"] = group
    return params


def _metadata_params(options: Mapping[str, Any]) -> Params:
    required = options.get("imdsv2", True)
    return {
        "MetadataOptions.HttpTokens": "required" if required else "optional",
        "MetadataOptions.HttpPutResponseHopLimit": str(
            int(options.get("imds_hops") or USUAL_HOPS)
        ),
        # The instance reads its user data from there.
        "MetadataOptions.HttpEndpoint": "enabled",
    }


def _machine_params(options: Mapping[str, Any]) -> Params:
    params = {}
    if zone := str(options.get("zone") or ""):
        by = "AvailabilityZoneId" if _ZONE_ID.fullmatch(zone) else "AvailabilityZone"
        params[f"Placement.{by}"] = zone
    for name, parameter in _TEXTS.items():
        if text := options.get(name):
            params[parameter] = str(text)
    for name, parameter in _FLAGS.items():
        if options.get(name) is not None:
            params[parameter] = _flag(options[name])
    if profile := str(options.get("instance_profile") or ""):
        by = "Arn" if profile.startswith("arn:") else "Name"
        params[f"IamInstanceProfile.{by}"] = profile
    return params | _reservation_params(str(options.get("capacity_reservation") or ""))


def _reservation_params(reservation: str) -> Params:
    prefix = "CapacityReservationSpecification.CapacityReservation"
    if not reservation:
        return {}
    if preference := _PREFERENCES.get(reservation):
        return {f"{prefix}Preference": preference}
    by = "ResourceGroupArn" if reservation.startswith("arn:") else "Id"
    return {f"{prefix}Target.CapacityReservation{by}": reservation}


def _launch_template_params(options: Mapping[str, Any]) -> Params:
    launch_template = str(options.get("launch_template") or "")
    if not launch_template:
        return {}
    by = "Id" if launch_template.startswith("lt-") else "Name"
    params = {f"LaunchTemplate.LaunchTemplate{by}": launch_template}
    if version := options.get("launch_template_version"):
        params["LaunchTemplate.Version"] = str(version)
    return params


def _spot_params(options: Mapping[str, Any]) -> Params:
    """Return what makes it a spot instance that ends for good when it is taken back."""
    prefix = "InstanceMarketOptions"
    params = {
        f"{prefix}.MarketType": "spot",
        f"{prefix}.SpotOptions.SpotInstanceType": "one-time",
        f"{prefix}.SpotOptions.InstanceInterruptionBehavior": "terminate",
    }
    if price := options.get("spot_max_price"):
        text = f"{price:.5f}".rstrip("0").rstrip(".")
        params[f"{prefix}.SpotOptions.MaxPrice"] = text
    return params


def _disk_params(options: Mapping[str, Any], device: str) -> Params:
    if not device:
        raise RefusedError("The root device is unknown. Set the option disk_device.")
    prefix = "BlockDeviceMapping.1"
    params = {
        f"{prefix}.DeviceName": device,
        f"{prefix}.Ebs.DeleteOnTermination": "true",
    }
    for name, parameter in _DISK.items():
        value = options.get(name)
        if not _is_set(value):
            continue
        if isinstance(value, bool):
            text = _flag(value)
        else:
            text = str(int(value)) if isinstance(value, int | float) else str(value)
        params[f"{prefix}.Ebs.{parameter}"] = text
    if options.get("disk_kms_key"):
        params[f"{prefix}.Ebs.Encrypted"] = "true"
    return params
