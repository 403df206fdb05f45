"""EC2's Query API: the parameters of a call, and what its answers mean.

Source: the Amazon EC2 API Reference, "Query requests" and "Error codes".
"""

import base64
from collections.abc import Mapping
from typing import Any, Final
from xml.etree import ElementTree

from servers.clouds.amazon.clock import explain_clock
from servers.clouds.base import (
    ClockError,
    CloudError,
    CreateSpec,
    CredentialsError,
    InstanceNotFoundError,
    NoCapacityError,
    QuotaError,
    RefusedError,
    ThrottledError,
    UnknownOutcomeError,
)

NAME: Final = "Amazon EC2"
MOST_USER_DATA: Final = 16 * 1024

_THROTTLED: Final = frozenset(
    {"RequestLimitExceeded", "Throttling", "ThrottlingException", "RequestThrottled"}
)
_NO_CAPACITY: Final = frozenset(
    {
        "InsufficientInstanceCapacity",
        "InsufficientHostCapacity",
        "InsufficientCapacity",
        "InsufficientReservedInstanceCapacity",
        "InsufficientCapacityOnHost",
        "SpotMaxPriceTooLow",
        "Unsupported",  # this size is not offered in this zone
    }
)
_QUOTA: Final = frozenset(
    {
        "InstanceLimitExceeded",
        "VcpuLimitExceeded",
        "MaxSpotInstanceCountExceeded",
        "VolumeLimitExceeded",
        "InsufficientFreeAddressesInSubnet",
        "NetworkInterfaceLimitExceeded",
        "PendingVerification",
        "Blocked",
    }
)
_CREDENTIALS: Final = frozenset(
    {
        "AuthFailure",
        "InvalidClientTokenId",
        "SignatureDoesNotMatch",
        "MissingAuthenticationToken",
        "IncompleteSignature",
        "UnauthorizedOperation",
        "OptInRequired",
        "ExpiredToken",
        "RequestExpired",
        "UnrecognizedClientException",
        "InvalidSignatureException",
        "AccessDenied",
        "AccessDeniedException",
        "Client.AuthFailure",
    }
)
_UNKNOWN: Final = frozenset(
    {"InternalError", "InternalFailure", "Unavailable", "ServiceUnavailable"}
)
_NOT_FOUND: Final = frozenset({"InvalidInstanceID.NotFound", "InvalidVolume.NotFound"})
# The error by which EC2 says that a call with DryRun would have worked.
_WOULD_WORK: Final = "DryRunOperation"


def build_run_params(spec: CreateSpec, options: Mapping[str, Any]) -> dict[str, str]:
    """Return RunInstances' parameters. Raises RefusedError where none can be built."""
    user_data = spec.user_data.encode()
    if len(user_data) > MOST_USER_DATA:
        raise RefusedError(
            f"The user data has {len(user_data)} bytes; {NAME} takes at most "
            f"{MOST_USER_DATA}. Shorten the template's user data."
        )
    params = {
        "Action": "RunInstances",
        "ImageId": spec.image,
        "InstanceType": spec.size,
        "MinCount": "1",
        "MaxCount": "1",
        "ClientToken": spec.token,
        # A machine that shuts itself down ends, and is not kept and billed.
        "InstanceInitiatedShutdownBehavior": "terminate",
    }
    tags = {**spec.tags, "Name": spec.name}
    # The volumes carry the tags too, so that a leftover one can be traced.
    for kind_number, kind in enumerate(("instance", "volume"), start=1):
        prefix = f"TagSpecification.{kind_number}"
        params[f"{prefix}.ResourceType"] = kind
        for number, (name, value) in enumerate(sorted(tags.items()), start=1):
            params[f"{prefix}.Tag.{number}.Key"] = name
            params[f"{prefix}.Tag.{number}.Value"] = value
    if user_data:
        params["UserData"] = base64.b64encode(user_data).decode()
    if spec.ssh_key:
        params["KeyName"] = spec.ssh_key
    params |= _network_params(options)
    if zone := options.get("zone"):
        params["Placement.AvailabilityZone"] = str(zone)
    if profile := options.get("instance_profile"):
        params["IamInstanceProfile.Name"] = str(profile)
    if disk := options.get("disk_gib"):
        params |= _disk_params(disk, str(options.get("disk_device") or "/dev/sda1"))
    return params


def _disk_params(size: Any, device: str) -> dict[str, str]:
    try:
        gib = int(float(size))
    except (TypeError, ValueError, OverflowError):
        raise RefusedError(
            "The option disk_gib is no number of GiB. Correct it."
        ) from None
    return {
        "BlockDeviceMapping.1.DeviceName": device,
        "BlockDeviceMapping.1.Ebs.VolumeSize": str(gib),
        "BlockDeviceMapping.1.Ebs.DeleteOnTermination": "true",
    }


def _network_params(options: Mapping[str, Any]) -> dict[str, str]:
    params = {}
    if subnet := options.get("subnet"):
        params["SubnetId"] = str(subnet)
    groups = str(options.get("security_groups") or "").split(",")
    for number, group in enumerate(filter(None, map(str.strip, groups)), start=1):
        params[f"SecurityGroupId.{number}"] = group
    return params


def read_answer(
    status: int, body: str, *, date: str = "", temporary: bool = False
) -> ElementTree.Element:
    """Return the root of an answer without namespaces; raise what an error means.

    A dry run that would have worked is no error. ``date`` is the answer's Date header;
    ``temporary`` tells whether the credentials are lent for a time.
    """
    try:
        root = ElementTree.fromstring(body)  # noqa: S314 - expat bounds entities
    except ElementTree.ParseError:
        raise UnknownOutcomeError(
            f"{NAME} answered {status} with a body that is not XML."
        ) from None
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
    if 200 <= status < 300:
        return root
    error = next(root.iter("Error"), None)
    code = find_text(error, "Code") if error is not None else ""
    if code == _WOULD_WORK:
        return root
    message = find_text(error, "Message") if error is not None else ""
    said = f"{NAME} answered {code or status}: {message}"
    if clock := explain_clock(code, message, date=date, temporary=temporary):
        raise ClockError(f"{said} {clock}")
    raise _translate(status, code, said)


def _translate(status: int, code: str, message: str) -> CloudError:
    for codes, error in (
        (_THROTTLED, ThrottledError),
        (_NOT_FOUND, InstanceNotFoundError),
        (_NO_CAPACITY, NoCapacityError),
        (_QUOTA, QuotaError),
        (_CREDENTIALS, CredentialsError),
        (_UNKNOWN, UnknownOutcomeError),
    ):
        if code in codes:
            return error(message)
    if status == 429:
        return ThrottledError(message)
    if code and 400 <= status < 500:
        return RefusedError(message)
    return UnknownOutcomeError(message)


def find_text(element: ElementTree.Element, path: str) -> str:
    """Return the text at a path, or ""."""
    return (element.findtext(path) or "").strip()
