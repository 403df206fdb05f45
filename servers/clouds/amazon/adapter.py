"""The port over EC2: one region of one AWS account."""

import contextlib
import re
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, Final
from xml.etree import ElementTree

from servers.clouds.amazon.api import NAME, find_text
from servers.clouds.amazon.checks import check_run, check_terminate
from servers.clouds.amazon.connection import call, call_json, ec2_of, quotas_of
from servers.clouds.amazon.convert import iterate_instances, show_instance, show_volume
from servers.clouds.amazon.images import RootDevices
from servers.clouds.amazon.launch import (
    CAPABILITIES,
    build_run_params,
    changes_disk,
    refuse_wrong,
)
from servers.clouds.amazon.offers import find_images, read_catalogue
from servers.clouds.amazon.options import OPTIONS, check_options
from servers.clouds.amazon.quotas import TARGET, read_quotas
from servers.clouds.amazon.roles import (
    CREDENTIALS,
    check_credentials,
    find_keys,
    forget_keys,
    is_lent,
)
from servers.clouds.amazon.spot import (
    build_notice_params,
    is_spot,
    mark,
    read_notices,
)
from servers.clouds.base import (
    FLEET_TAG,
    KEY_TAG,
    CloudConfig,
    CloudInstance,
    CloudLeftover,
    CloudListing,
    CreateSpec,
)
from servers.clouds.catalogue import Catalogue, ImageQuery, OfferedImage, Quota
from servers.clouds.kind import Kind
from servers.clouds.one_call import OneCall
from servers.clouds.timings import Timings
from servers.errors import InvalidError
from servers.outgoing.deadline import Deadline
from servers.outgoing.errors import CredentialsError, MissingError, UnknownOutcomeError
from servers.outgoing.looking import reading_one, reading_whole

PAGE: Final = 1000
VOLUME_PAGE: Final = 500
MAX_PAGES: Final = 100
_REGION: Final = re.compile(r"[a-z]{2,4}(-[a-z]+)+-[0-9]{1,2}")
# The region of another cloud with EC2's API, such as RegionOne.
_OTHER_REGION: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,62}")
# For a temporary key that was entered by hand, which is not renewed.
_RENEW: Final = (
    "A session token expires within hours. Enter a new one with its keys, or use a "
    "role, which ServerFleet renews automatically."
)
_root_devices: Final = RootDevices()


class Amazon(OneCall):
    """One region of one AWS account."""

    provider: ClassVar[str] = "amazon"

    def __init__(self, config: CloudConfig, timings: Timings) -> None:
        region = _OTHER_REGION if config.endpoint else _REGION
        if not region.fullmatch(config.region):
            raise InvalidError(
                f"{config.region[:40]!r} is not an AWS region. Use a region such as "
                "eu-central-1.",
                fields={"region": ["Use a region such as eu-central-1."]},
            )
        self.config = config
        self.timings = timings
        self._service = ec2_of(config.region, config.endpoint)
        self._address = str(config.options.get("address") or "")

    def fetch_identity(self, *, deadline: float) -> str:
        """Return the owner of the region's security groups: the account's number."""
        params = {"Action": "DescribeSecurityGroups", "MaxResults": "5"}
        with Deadline(deadline, NAME), reading_whole():
            for group in self._call(params).iter("item"):
                if owner := find_text(group, "ownerId"):
                    return owner
        return ""

    def create_instance(self, spec: CreateSpec, *, deadline: float) -> CloudInstance:
        """Call RunInstances for exactly one instance, tagged in the same call."""
        with Deadline(deadline, NAME):
            reservation = self._call(self._build(spec))
            for item in reservation.findall("instancesSet/item"):
                return show_instance(item, self._address)
        raise UnknownOutcomeError(f"{NAME} answered without an instance.")

    def check_create(self, spec: CreateSpec, *, deadline: float) -> tuple[str, ...]:
        """Call RunInstances with DryRun, and look up the image and the size."""
        with Deadline(deadline, NAME):
            return check_run(self._call, self._build(spec), self._merge_options(spec))

    def catalogue(self, *, deadline: float) -> Catalogue:
        """Describe regions, instance types and images."""
        with Deadline(deadline, NAME), reading_whole():
            return read_catalogue(self._pages, self.config.region)

    def find_images(
        self, query: ImageQuery, *, deadline: float
    ) -> tuple[OfferedImage, ...]:
        """Call DescribeImages by id, or by owner and name."""
        with Deadline(deadline, NAME):
            return tuple(find_images(self._pages, query))

    def list_quotas(self, *, deadline: float) -> tuple[Quota, ...]:
        """Ask Service Quotas for the limits of vCPUs, and count those in use."""
        service = quotas_of(self.config.region, self.config.endpoint)
        if service is None:
            return ()
        params = {"Action": "DescribeInstances", "MaxResults": str(PAGE)}
        with Deadline(deadline, NAME), reading_whole():
            return read_quotas(
                lambda body: call_json(service, find_keys(self.config), TARGET, body),
                self._pages(params),
            )

    def find_instances(self, key: str, *, deadline: float) -> list[CloudInstance]:
        """Call DescribeInstances by the key's tag."""
        with Deadline(deadline, NAME), reading_whole():
            found, _, _ = self._describe({KEY_TAG: key})
        return [instance for instance in found if instance.key == key]

    def list_instances(self, fleet: str, *, deadline: float) -> CloudListing:
        """Call DescribeInstances by the fleet's tag, for all pages.

        If spot instances are running, ask for their notices, too.
        """
        with Deadline(deadline, NAME), reading_whole():
            found, owner, has_spot = self._describe({FLEET_TAG: fleet})
            pages = self._pages(build_notice_params(fleet)) if has_spot else ()
            notices = read_notices(pages) if has_spot else {}
        return CloudListing(
            # Filters accept wildcards, so compare the whole fleet tag.
            tuple(mark(each, notices) for each in found if each.fleet == fleet),
            identity=owner,
        )

    def get_instance(self, instance_id: str, *, deadline: float) -> CloudInstance:
        """Call DescribeInstances by id."""
        params = {"Action": "DescribeInstances", "InstanceId.1": instance_id}
        with Deadline(deadline, NAME), reading_one():
            for _, item in iterate_instances(self._call(params)):
                return show_instance(item, self._address)
        raise MissingError(f"{NAME} has no instance {instance_id}.")

    def destroy_instance(self, instance_id: str, *, deadline: float) -> None:
        """Call TerminateInstances."""
        params = {"Action": "TerminateInstances", "InstanceId.1": instance_id}
        with Deadline(deadline, NAME):
            self._call(params)

    def check_destroy(self, *, deadline: float) -> None:
        """Call TerminateInstances with DryRun, for an instance that does not exist."""
        with Deadline(deadline, NAME):
            check_terminate(self._call)

    def list_leftovers(
        self, fleet: str, *, deadline: float
    ) -> tuple[CloudLeftover, ...]:
        """Call DescribeVolumes for all unattached volumes with the fleet's tag."""
        params = {
            "Action": "DescribeVolumes",
            "MaxResults": str(VOLUME_PAGE),
            "Filter.1.Name": f"tag:{FLEET_TAG}",
            "Filter.1.Value.1": fleet,
            "Filter.2.Name": "status",
            "Filter.2.Value.1": "available",
        }
        with Deadline(deadline, NAME), reading_whole():
            volumes = [
                show_volume(item)
                for answer in self._pages(params)
                for item in answer.findall("volumeSet/item")
            ]
        return tuple(volume for volume in volumes if volume.fleet == fleet)

    def delete_leftover(self, resource_id: str, *, deadline: float) -> None:
        """Call DeleteVolume."""
        params = {"Action": "DeleteVolume", "VolumeId": resource_id}
        with (
            contextlib.suppress(MissingError),
            Deadline(deadline, NAME),
        ):
            self._call(params)

    def _merge_options(self, spec: CreateSpec) -> dict[str, Any]:
        return {**self.config.options, **spec.options}

    def _build(self, spec: CreateSpec) -> dict[str, str]:
        """Return RunInstances' parameters. Look up the root device if needed."""
        options = self._merge_options(spec)
        refuse_wrong(options)  # before a look-up that would be in vain
        device = ""
        if changes_disk(options) and not options.get("disk_device"):
            device = _root_devices.find(
                self._call,
                spec.image,
                endpoint=self.config.endpoint,
                region=self.config.region,
            )
        return build_run_params(spec, options, root_device=device)

    def _describe(
        self, tags: Mapping[str, str]
    ) -> tuple[list[CloudInstance], str, bool]:
        """Return all instances with these tags, and their owner if it is shown.

        And whether any of them is a live spot instance.
        """
        params = {"Action": "DescribeInstances", "MaxResults": str(PAGE)}
        for number, (name, value) in enumerate(tags.items(), start=1):
            params[f"Filter.{number}.Name"] = f"tag:{name}"
            params[f"Filter.{number}.Value.1"] = value
        found: dict[str, CloudInstance] = {}
        owner, has_spot = "", False
        for answer in self._pages(params):
            for reservation, item in iterate_instances(answer):
                owner = owner or find_text(reservation, "ownerId")
                instance = show_instance(item, self._address)
                found[instance.instance_id] = instance
                has_spot |= instance.live and is_spot(item)
        return list(found.values()), owner, has_spot

    def _pages(self, params: Mapping[str, str]) -> Iterator[ElementTree.Element]:
        """Yield all pages of the answer to one request."""
        asked = dict(params)
        for _ in range(MAX_PAGES):
            answer = self._call(asked)
            yield answer
            token = find_text(answer, "nextToken")
            if not token:
                return
            asked["NextToken"] = token
        raise UnknownOutcomeError(f"{NAME} returned more pages than expected.")

    def _call(self, params: Mapping[str, str]) -> ElementTree.Element:
        """Send one signed request, and return its answer without namespaces."""
        keys = find_keys(self.config)
        try:
            return call(self._service, keys, params)
        except CredentialsError as error:
            forget_keys(self.config)
            if keys.session_token and not is_lent(self.config.credentials):
                raise CredentialsError(f"{error.message} {_RENEW}") from None
            raise


KIND: Final = Kind(
    name="amazon",
    label=NAME,
    provider="amazon",
    open=Amazon,
    timings=Timings(),
    credentials=CREDENTIALS,
    check_credentials=check_credentials,
    asks_for="access keys or a role",
    account_options=OPTIONS,
    placement_options=OPTIONS,
    capacity_options=(
        *("zone", "subnet", "tenancy", "placement_group"),
        *("capacity_reservation", "launch_template"),
    ),
    check_options=check_options,
    capabilities=CAPABILITIES,
)
