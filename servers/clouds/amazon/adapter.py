"""The port over EC2: one region of one AWS account."""

import contextlib
import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from typing import ClassVar, Final
from urllib.parse import urlencode, urlsplit
from xml.etree import ElementTree

from libcloud.common.base import Response
from libcloud.compute.drivers.ec2 import EC2Connection, EC2NodeDriver

from servers.clouds.amazon.api import NAME, build_run_params, find_text, read_answer
from servers.clouds.amazon.checks import check_run, check_terminate
from servers.clouds.base import (
    FLEET_TAG,
    KEY_TAG,
    CloudConfig,
    CloudInstance,
    CloudLeftover,
    CloudListing,
    CreateSpec,
    InstanceNotFoundError,
    Meaning,
    Timings,
    UnknownOutcomeError,
)
from servers.clouds.driver import bound_connection, bounded_call, thread_driver
from servers.clouds.kind import Field, Kind
from servers.errors import InvalidError

# Source: the EC2 API Reference, "InstanceState". shutting-down counts as live: it may
# still run for a while, and be billed, until the cloud says terminated. A hibernated
# instance is shown as stopped.
STATUSES: Final = {
    "pending": Meaning.BOOTING,
    "running": Meaning.RUNNING,
    "shutting-down": Meaning.ENDING,
    "terminated": Meaning.GONE,
    "stopping": Meaning.STOPPED,
    "stopped": Meaning.STOPPED,
}
# What has a use for its address; a stopped one shows its private address alone.
_REACHABLE: Final = frozenset({Meaning.BOOTING, Meaning.RUNNING})
PAGE: Final = 1000
VOLUME_PAGE: Final = 500
MOST_PAGES: Final = 100
_REGION: Final = re.compile(r"[a-z]{2,4}(-[a-z]+)+-[0-9]{1,2}")


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
        with bounded_call(deadline, what=NAME):
            for group in self._call(params).iter("item"):
                if owner := find_text(group, "ownerId"):
                    return owner
        return ""

    def create_instance(self, spec: CreateSpec, *, deadline: float) -> CloudInstance:
        """RunInstances for exactly one, tagged in the same call."""
        params = build_run_params(spec, {**self.config.options, **spec.options})
        with bounded_call(deadline, what=NAME):
            reservation = self._call(params)
            for item in reservation.findall("instancesSet/item"):
                return _show(item)
        raise UnknownOutcomeError(f"{NAME} answered without an instance.")

    def check_create(self, spec: CreateSpec, *, deadline: float) -> tuple[str, ...]:
        """RunInstances with DryRun, and a look at the image and the size."""
        params = build_run_params(spec, {**self.config.options, **spec.options})
        with bounded_call(deadline, what=NAME):
            return check_run(self._call, params)

    def find_instances(self, key: str, *, deadline: float) -> list[CloudInstance]:
        """DescribeInstances by the key's tag."""
        with bounded_call(deadline, what=NAME):
            found, _ = self._describe({KEY_TAG: key})
        return [instance for instance in found if instance.key == key]

    def list_instances(self, fleet: str, *, deadline: float) -> CloudListing:
        """DescribeInstances by the fleet's tag, all pages."""
        with bounded_call(deadline, what=NAME):
            found, owner = self._describe({FLEET_TAG: fleet})
        return CloudListing(
            # Filters take wildcards; the fleet is compared whole.
            tuple(instance for instance in found if instance.fleet == fleet),
            identity=owner,
        )

    def get_instance(self, instance_id: str, *, deadline: float) -> CloudInstance:
        """DescribeInstances by id."""
        params = {"Action": "DescribeInstances", "InstanceId.1": instance_id}
        with bounded_call(deadline, what=NAME):
            for _, item in _iterate(self._call(params)):
                return _show(item)
        raise InstanceNotFoundError(f"{NAME} has no instance {instance_id}.")

    def destroy_instance(self, instance_id: str, *, deadline: float) -> None:
        """TerminateInstances."""
        params = {"Action": "TerminateInstances", "InstanceId.1": instance_id}
        with bounded_call(deadline, what=NAME):
            self._call(params)

    def check_destroy(self, *, deadline: float) -> None:
        """TerminateInstances with DryRun, of an instance that does not exist."""
        with bounded_call(deadline, what=NAME):
            check_terminate(self._call)

    def list_leftovers(
        self, fleet: str, *, deadline: float
    ) -> tuple[CloudLeftover, ...]:
        """DescribeVolumes by the fleet's tag, attached to nothing, all pages."""
        params = {
            "Action": "DescribeVolumes",
            "MaxResults": str(VOLUME_PAGE),
            "Filter.1.Name": f"tag:{FLEET_TAG}",
            "Filter.1.Value.1": fleet,
            "Filter.2.Name": "status",
            "Filter.2.Value.1": "available",
        }
        with bounded_call(deadline, what=NAME):
            volumes = [
                _show_volume(item)
                for answer in self._pages(params)
                for item in answer.findall("volumeSet/item")
            ]
        return tuple(volume for volume in volumes if volume.fleet == fleet)

    def delete_leftover(self, resource_id: str, *, deadline: float) -> None:
        """DeleteVolume."""
        params = {"Action": "DeleteVolume", "VolumeId": resource_id}
        with (
            contextlib.suppress(InstanceNotFoundError),
            bounded_call(deadline, what=NAME),
        ):
            self._call(params)

    def _describe(self, tags: Mapping[str, str]) -> tuple[list[CloudInstance], str]:
        """Return all instances with these tags, and whose they are where it shows."""
        params = {"Action": "DescribeInstances", "MaxResults": str(PAGE)}
        for number, (name, value) in enumerate(tags.items(), start=1):
            params[f"Filter.{number}.Name"] = f"tag:{name}"
            params[f"Filter.{number}.Value.1"] = value
        found: dict[str, CloudInstance] = {}
        owner = ""
        for answer in self._pages(params):
            for reservation, item in _iterate(answer):
                owner = owner or find_text(reservation, "ownerId")
                instance = _show(item)
                found[instance.instance_id] = instance
        return list(found.values()), owner

    def _pages(self, params: Mapping[str, str]) -> Iterator[ElementTree.Element]:
        """Yield the answers to one question, page by page, to the end."""
        asked = dict(params)
        for _ in range(MOST_PAGES):
            answer = self._call(asked)
            yield answer
            token = find_text(answer, "nextToken")
            if not token:
                return
            asked["NextToken"] = token
        raise UnknownOutcomeError(f"{NAME} gave more pages than can be right.")

    def _call(self, params: Mapping[str, str]) -> ElementTree.Element:
        """Send one signed request; return its answer, free of namespaces."""
        driver = thread_driver(self._identity(), lambda: _Driver(self.config))
        response = driver.connection.request(
            "/",
            method="POST",
            data=urlencode({**params, "Version": driver.connection.version}),
            headers={"Content-Type": "application/x-www-form-urlencoded"},
        )
        return read_answer(
            int(response.status),
            str(response.body or ""),
            date=str(response.headers.get("date", "")),
            temporary=bool(self.config.credentials.get("session_token")),
        )

    def _identity(self) -> tuple[str, str, str, bytes]:
        config = self.config
        secrets = json.dumps(dict(config.credentials), sort_keys=True).encode()
        # A digest, so that the cache's keys hold no secret.
        digest = hashlib.sha256(secrets).digest()
        return ("amazon", config.endpoint, config.region, digest)


def _iterate(
    root: ElementTree.Element,
) -> Iterator[tuple[ElementTree.Element, ElementTree.Element]]:
    for reservation in root.findall("reservationSet/item"):
        for item in reservation.findall("instancesSet/item"):
            yield reservation, item


def _tags(item: ElementTree.Element) -> dict[str, str]:
    return {
        find_text(tag, "key"): find_text(tag, "value")
        for tag in item.findall("tagSet/item")
    }


def _show_volume(item: ElementTree.Element) -> CloudLeftover:
    tags = _tags(item)
    return CloudLeftover(
        resource_id=find_text(item, "volumeId"),
        kind="volume",
        key=tags.get(KEY_TAG, ""),
        fleet=tags.get(FLEET_TAG, ""),
        detail=f"{find_text(item, 'size')} GiB",
    )


def _show(item: ElementTree.Element) -> CloudInstance:
    tags = _tags(item)
    status = find_text(item, "instanceState/name")
    meaning = STATUSES.get(status, Meaning.UNCLEAR)
    address = find_text(item, "ipAddress") or find_text(item, "privateIpAddress")
    return CloudInstance(
        instance_id=find_text(item, "instanceId"),
        key=tags.get(KEY_TAG, ""),
        fleet=tags.get(FLEET_TAG, ""),
        name=tags.get("Name", ""),
        raw_status=status,
        meaning=meaning,
        address=address if meaning in _REACHABLE else "",
        fault=find_text(item, "stateReason/message"),
    )


KIND: Final = Kind(
    name="amazon",
    label=NAME,
    provider="amazon",
    open=Amazon,
    timings=Timings(),
    credentials=(
        Field("access_key_id", "Access key id", required=True),
        Field("secret_access_key", "Secret access key", required=True, secret=True),
        Field(
            "session_token",
            "Session token",
            "Only where the key is a temporary one.",
            secret=True,
        ),
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
