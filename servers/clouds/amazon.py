"""Amazon EC2, through libcloud's signed connection.

The calls are EC2's own Query API, each one request: RunInstances with its tags inside
it (libcloud's create_node tags in a second call, and a crash between the two would
leave an instance that nobody can find), DescribeInstances by tag with all its pages
(libcloud's list_nodes follows none), TerminateInstances by id. Answers are read here,
whatever their XML namespace. Requests are POSTs: user data does not belong in a URL.

Source: the Amazon EC2 API Reference, "Query requests" and "Error codes".
"""

import base64
import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, Final
from urllib.parse import urlencode, urlsplit
from xml.etree import ElementTree

from libcloud.common.base import Response
from libcloud.compute.drivers.ec2 import EC2Connection, EC2NodeDriver

from servers.clouds.base import (
    FLEET_TAG,
    KEY_TAG,
    CloudConfig,
    CloudError,
    CloudInstance,
    CloudListing,
    CreateSpec,
    CredentialsError,
    InstanceNotFoundError,
    NoCapacityError,
    QuotaError,
    RefusedError,
    ThrottledError,
    Timings,
    UnknownOutcomeError,
)
from servers.clouds.driver import bound_connection, bounded_call, thread_driver
from servers.clouds.kind import Field, Kind
from servers.errors import InvalidError

# shutting-down counts as live: it may still run for a while, and may still be billed
# as a hibernated or spot instance until the cloud says terminated.
TERMINAL: Final = frozenset({"terminated"})
PAGE: Final = 1000
MOST_PAGES: Final = 100
MOST_USER_DATA: Final = 16 * 1024
_REGION: Final = re.compile(r"[a-z]{2,4}(-[a-z]+)+-[0-9]{1,2}")
_WHAT: Final = "Amazon EC2"

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
        "AccessDenied",
        "AccessDeniedException",
        "Client.AuthFailure",
    }
)
_UNKNOWN: Final = frozenset(
    {"InternalError", "InternalFailure", "Unavailable", "ServiceUnavailable"}
)
_NOT_FOUND: Final = frozenset({"InvalidInstanceID.NotFound"})


class _RawResponse(Response):
    """The answer as it came: status, headers and body are read by the adapter."""

    valid_response_codes: ClassVar = list(range(100, 600))

    def success(self) -> bool:
        return True

    def parse_body(self) -> str:
        return str(self.body or "")


class _Connection(EC2Connection):
    responseCls = _RawResponse  # type: ignore[assignment]  # noqa: N815 - its name


class _Driver(EC2NodeDriver):
    """EC2's driver for any region, libcloud's table of regions or not."""

    connectionCls = _Connection  # noqa: N815 - libcloud's name

    def __init__(self, config: CloudConfig) -> None:
        credentials = config.credentials
        parts = urlsplit(config.endpoint or f"https://{_host(config.region)}")
        secure = parts.scheme == "https"
        super().__init__(
            credentials["access_key_id"],
            credentials["secret_access_key"],
            secure=secure,
            host=parts.hostname,
            port=parts.port or (443 if secure else 80),
            region="us-east-1",
            token=credentials.get("session_token") or None,
            signature_version="4",
        )
        self.region_name = config.region
        bound_connection(self.connection)


def _host(region: str) -> str:
    suffix = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
    return f"ec2.{region}.{suffix}"


class Amazon:
    """One region of one AWS account."""

    provider: ClassVar[str] = "amazon"

    def __init__(self, config: CloudConfig, timings: Timings) -> None:
        if not _REGION.fullmatch(config.region):
            raise InvalidError(
                f"{config.region[:40]!r} is no AWS region. Use one such as "
                "eu-central-1.",
                fields={"region": ["Use a region such as eu-central-1."]},
            )
        self.config = config
        self.timings = timings

    def fetch_identity(self, *, deadline: float) -> str:
        """Return the owner of the region's security groups: the account's number."""
        params = {"Action": "DescribeSecurityGroups", "MaxResults": "5"}
        with bounded_call(deadline, what=_WHAT):
            for group in self._call(params).iter("item"):
                if owner := _text(group, "ownerId"):
                    return owner
        return ""

    def create_instance(self, spec: CreateSpec, *, deadline: float) -> CloudInstance:
        """RunInstances for exactly one, tagged in the same call."""
        params = build_run_params(spec, {**self.config.options, **spec.options})
        with bounded_call(deadline, what=_WHAT):
            reservation = self._call(params)
            for item in reservation.findall("instancesSet/item"):
                return _show(item)
        raise UnknownOutcomeError(f"{_WHAT} answered without an instance.")

    def find_instances(self, key: str, *, deadline: float) -> list[CloudInstance]:
        """DescribeInstances by the key's tag."""
        with bounded_call(deadline, what=_WHAT):
            found, _ = self._describe({KEY_TAG: key})
        return [instance for instance in found if instance.key == key]

    def list_instances(self, fleet: str, *, deadline: float) -> CloudListing:
        """DescribeInstances by the fleet's tag, all pages."""
        with bounded_call(deadline, what=_WHAT):
            found, owner = self._describe({FLEET_TAG: fleet})
        return CloudListing(
            # Filters take wildcards; the fleet is compared whole.
            tuple(instance for instance in found if instance.fleet == fleet),
            identity=owner,
        )

    def get_instance(self, instance_id: str, *, deadline: float) -> CloudInstance:
        """DescribeInstances by id."""
        params = {"Action": "DescribeInstances", "InstanceId.1": instance_id}
        with bounded_call(deadline, what=_WHAT):
            for _, item in _iterate(self._call(params)):
                return _show(item)
        raise InstanceNotFoundError(f"{_WHAT} has no instance {instance_id}.")

    def destroy_instance(self, instance_id: str, *, deadline: float) -> None:
        """TerminateInstances."""
        params = {"Action": "TerminateInstances", "InstanceId.1": instance_id}
        with bounded_call(deadline, what=_WHAT):
            self._call(params)

    def _describe(self, tags: Mapping[str, str]) -> tuple[list[CloudInstance], str]:
        """Return all instances with these tags, and whose they are where it shows."""
        params = {"Action": "DescribeInstances", "MaxResults": str(PAGE)}
        for number, (name, value) in enumerate(tags.items(), start=1):
            params[f"Filter.{number}.Name"] = f"tag:{name}"
            params[f"Filter.{number}.Value.1"] = value
        found: dict[str, CloudInstance] = {}
        owner = ""
        for _ in range(MOST_PAGES):
            answer = self._call(params)
            for reservation, item in _iterate(answer):
                owner = owner or _text(reservation, "ownerId")
                instance = _show(item)
                found[instance.instance_id] = instance
            token = _text(answer, "nextToken")
            if not token:
                return list(found.values()), owner
            params["NextToken"] = token
        raise UnknownOutcomeError(f"{_WHAT} gave more pages than can be right.")

    def _call(self, params: Mapping[str, str]) -> ElementTree.Element:
        """Send one signed request; return its answer, free of namespaces."""
        driver = thread_driver(self._identity(), lambda: _Driver(self.config))
        response = driver.connection.request(
            "/",
            method="POST",
            data=urlencode({**params, "Version": driver.connection.version}),
            headers={"Content-Type": "application/x-www-form-urlencoded"},
        )
        return read_answer(int(response.status), str(response.body or ""))

    def _identity(self) -> tuple[str, str, str, bytes]:
        config = self.config
        secrets = json.dumps(dict(config.credentials), sort_keys=True).encode()
        # A digest, so that the cache's keys hold no secret.
        digest = hashlib.sha256(secrets).digest()
        return ("amazon", config.endpoint, config.region, digest)


def build_run_params(spec: CreateSpec, options: Mapping[str, Any]) -> dict[str, str]:
    """Return RunInstances' parameters. Raises RefusedError for oversized user data."""
    user_data = spec.user_data.encode()
    if len(user_data) > MOST_USER_DATA:
        raise RefusedError(
            f"The user data has {len(user_data)} bytes; {_WHAT} takes at most "
            f"{MOST_USER_DATA}. Shorten the template's user data."
        )
    params = {
        "Action": "RunInstances",
        "ImageId": spec.image,
        "InstanceType": spec.size,
        "MinCount": "1",
        "MaxCount": "1",
        "ClientToken": spec.token,
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
        params["BlockDeviceMapping.1.DeviceName"] = str(
            options.get("disk_device") or "/dev/sda1"
        )
        params["BlockDeviceMapping.1.Ebs.VolumeSize"] = str(int(float(disk)))
        params["BlockDeviceMapping.1.Ebs.DeleteOnTermination"] = "true"
    return params


def _network_params(options: Mapping[str, Any]) -> dict[str, str]:
    params = {}
    if subnet := options.get("subnet"):
        params["SubnetId"] = str(subnet)
    groups = str(options.get("security_groups") or "").split(",")
    for number, group in enumerate(filter(None, map(str.strip, groups)), start=1):
        params[f"SecurityGroupId.{number}"] = group
    return params


def read_answer(status: int, body: str) -> ElementTree.Element:
    """Return the root of an answer without namespaces; raise what an error means."""
    try:
        root = ElementTree.fromstring(body)  # noqa: S314 - expat bounds entities
    except ElementTree.ParseError:
        raise UnknownOutcomeError(
            f"{_WHAT} answered {status} with a body that is not XML."
        ) from None
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
    if 200 <= status < 300:
        return root
    error = next(root.iter("Error"), None)
    code = _text(error, "Code") if error is not None else ""
    message = _text(error, "Message") if error is not None else ""
    raise _translate(status, code, f"{_WHAT} answered {code or status}: {message}")


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


def _iterate(
    root: ElementTree.Element,
) -> Iterator[tuple[ElementTree.Element, ElementTree.Element]]:
    for reservation in root.findall("reservationSet/item"):
        for item in reservation.findall("instancesSet/item"):
            yield reservation, item


def _show(item: ElementTree.Element) -> CloudInstance:
    tags = {
        _text(tag, "key"): _text(tag, "value") for tag in item.findall("tagSet/item")
    }
    status = _text(item, "instanceState/name")
    return CloudInstance(
        instance_id=_text(item, "instanceId"),
        key=tags.get(KEY_TAG, ""),
        fleet=tags.get(FLEET_TAG, ""),
        name=tags.get("Name", ""),
        raw_status=status,
        live=status not in TERMINAL,
        address=_text(item, "ipAddress") or _text(item, "privateIpAddress"),
        fault=_text(item, "stateReason/message"),
    )


def _text(element: ElementTree.Element, path: str) -> str:
    return (element.findtext(path) or "").strip()


KIND: Final = Kind(
    name="amazon",
    label=_WHAT,
    provider="amazon",
    open=Amazon,
    timings=Timings(),
    credentials=(
        Field("access_key_id", "Access key id", required=True),
        Field("secret_access_key", "Secret access key", required=True, secret=True),
        Field("session_token", "Session token", secret=True),
    ),
    options=(
        Field("subnet", "Subnet", "subnet-…; the default network without one."),
        Field("security_groups", "Security groups", "sg-…, separated by commas."),
        Field("zone", "Availability zone"),
        Field("instance_profile", "IAM instance profile"),
        Field("disk_gib", "Root disk, GiB", number=True, most=65536),
        Field("disk_device", "Root disk's device", "/dev/sda1, as the image says."),
    ),
)
