"""A fake of OpenStack's services, as their descriptions and recordings have them.

Keystone, Nova, Neutron, Cinder and Glance, each under its own path. An account is a
project; the secret of its application credential, or its password, is the token that
other fakes take as it is.

Invented, since nothing tells it: the addresses, and how long anything takes. Calls that
the extract of the descriptions leaves out (floating addresses are created and deleted,
ports and volumes are deleted) follow the services' references.
"""

import base64
import re
from typing import Any, ClassVar

from tests.clouds.fakes.base import Fake
from tests.clouds.fakes.machines import Machine
from tests.clouds.fakes.openstack_identity import Identity, project_of, refuse_token
from tests.clouds.fakes.openstack_network import Networking
from tests.clouds.fakes.openstack_offers import (
    CREATED,
    FLAVORS,
    IMAGES,
    KEYPAIRS,
    ZONES,
)
from tests.clouds.fakes.openstack_volumes import Volumes, disk_of
from tests.clouds.fakes.wire import Request, Response, route

_MOST_USER_DATA = 65535
# Nova's errors: status, name and words.
_NOVA = {
    "forbidden": (403, "forbidden", "Policy doesn't allow this to be performed."),
    "throttled": (429, "overLimit", "This request was rate-limited."),
    "failing": (500, "computeFault", "The server has either erred or is incapable."),
    "missing": (404, "itemNotFound", "Instance could not be found."),
    "quota": (
        *(403, "forbidden"),
        "Quota exceeded for cores: Requested 4, but already used 18 of 20 cores",
    ),
    "bad_image": (400, "badRequest", "Can not find requested image"),
    "bad_flavor": (400, "badRequest", "Flavor could not be found."),
    "invalid": (400, "badRequest", "Invalid input received"),
    "protected": (409, "conflictingRequest", "Instance is locked"),
}
NO_HOST = "No valid host was found. There are not enough hosts available."


class FakeOpenStack(Identity, Networking, Volumes, Fake):
    """One region, and a project for each token."""

    cloud = "openstack"
    mounts: ClassVar[dict[str, str]] = {
        "identity": "/identity",
        "compute": "/compute",
        "network": "/network",
        "block-storage": "/volume",
        "image": "/image",
    }
    invents: ClassVar[frozenset[str]] = frozenset(
        {
            # The descriptions are generated, and name other statuses than the services
            # send in the recordings: a token is a 201, a deleted volume a 202.
            *("201", "202"),
            "POST /network/v2.0/floatingips",
            "DELETE /network/v2.0/floatingips/{id}",
            "POST /volume/v3/{project}/volumes/{id}/metadata",
            # What recordings have, and the description does not.
            *("OS-EXT-IPS:type", "OS-EXT-IPS-MAC:mac_addr", "limit", "marker"),
            *("architecture", "roles", "region_id", "project", "issued_at", "error"),
            # What they have as null, or image as an empty text.
            *("image", "key_name", "description", "OS-EXT-STS:task_state"),
            "fixed_ip_address",
            # The description has what is inside of it.
            "limits",
        }
    )

    def __init__(self) -> None:
        super().__init__()
        self.most_instances = 10_000

    def make_id(self, number: int) -> str:
        return f"00000000-0000-4000-8000-{number:012x}"

    def refuse(self, why: str, request: Request) -> Response:
        if why in {"unauthorized", "expired"}:
            return refuse_token(why, request)
        status, name, message = _NOVA.get(why, _NOVA["invalid"])
        if request.path.startswith("/network/"):
            return self.refuse_network(status, "HTTPError", message)
        inner: dict[str, Any] = {"code": status, "message": message}
        return Response(status, {name: inner})

    @route("POST", "/compute/v2.1/servers", role="create")
    def create(self, request: Request) -> Response:
        server = request.data["server"]
        if why := _find_wrong(server):
            return self.refuse(why, request)
        if self.take("quota"):
            return self.refuse("quota", request)
        number = self.next_number()
        machine = self.add_machine(
            request,
            machine_id=self.make_id(number),
            name=server["name"],
            tags=server.get("metadata", {}),
            address=f"10.0.{number // 250 % 250}.{number % 250 + 1}",
            extra={"tags": server.get("tags", [])},
        )
        if self.take("no_capacity"):
            machine.failed, machine.fault = machine.effect, NO_HOST
        self.add_disk(machine, disk_of(server))
        answer = {
            "OS-DCF:diskConfig": "MANUAL",
            "adminPass": "zPnp2GseTqG4",
            "id": machine.id,
            "links": [],
            "security_groups": [{"name": "default"}],
        }
        return Response(202, {"server": answer})

    @route("GET", "/compute/v2.1/servers/detail", role="list")
    def list(self, request: Request) -> Response:
        # Newest first. What is not known as a filter here is dropped, as Nova does.
        machines = self.list_machines(request)[::-1]
        if pattern := request.ask("name"):
            machines = [each for each in machines if re.search(pattern, each.name)]
        if tags := request.ask("tags"):
            wanted = set(tags.split(","))
            machines = [each for each in machines if wanted <= tags_of(each)]
        return self.paged(
            request, "servers", machines, lambda each: self.show(each, request.now)
        )

    @route("GET", "/compute/v2.1/servers/{id}", role="get")
    def get(self, request: Request) -> Response:
        machine = self.find_machine(request, request.params["id"])
        if machine is None:
            return self.refuse("missing", request)
        return Response(200, {"server": self.show(machine, request.now)})

    @route("DELETE", "/compute/v2.1/servers/{id}", role="destroy")
    def destroy(self, request: Request) -> Response:
        machine = self.find_machine(request, request.params["id"])
        if machine is None:
            return self.refuse("missing", request)
        if machine.protected:
            return self.refuse("protected", request)
        self.end_machine(machine, request.now)
        return Response(204)

    @route("GET", "/compute/v2.1/flavors/detail")
    def list_flavors(self, request: Request) -> Response:
        return self.paged(request, "flavors", FLAVORS, lambda each: each)

    @route("GET", "/compute/v2.1/os-keypairs")
    def list_keypairs(self, _request: Request) -> Response:
        return Response(200, {"keypairs": KEYPAIRS})

    @route("GET", "/compute/v2.1/os-availability-zone")
    def list_zones(self, _request: Request) -> Response:
        return Response(200, {"availabilityZoneInfo": ZONES})

    @route("GET", "/compute/v2.1/limits")
    def get_limits(self, request: Request) -> Response:
        used = len(self.list_machines(request))
        absolute = {
            "maxTotalCores": 20,
            "maxTotalInstances": self.most_instances,
            "maxTotalKeypairs": 100,
            "maxTotalRAMSize": -1,
            "maxServerGroups": 10,
            "maxServerGroupMembers": 10,
            "totalCoresUsed": 2,
            "totalInstancesUsed": used,
            "totalRAMUsed": 512 * used,
            "totalServerGroupsUsed": 0,
        }
        return Response(200, {"limits": {"absolute": absolute, "rate": []}})

    @route("GET", "/image/v2/images")
    def list_images(self, request: Request) -> Response:
        # Glance's list leaves out hidden images, and those of others.
        mine = project_of(request.account)
        found = [
            each
            for each in IMAGES
            if not each["os_hidden"]
            and (each["visibility"] == "public" or each["owner"] == mine)
            and request.ask("owner", each["owner"]) == each["owner"]
            and request.ask("visibility", each["visibility"]) == each["visibility"]
        ]
        return self.paged(request, "images", found, lambda each: each)

    @route("GET", "/image/v2/images/{id}")
    def get_image(self, request: Request) -> Response:
        for each in IMAGES:
            if each["id"] == request.params["id"]:
                return Response(200, each)
        # Glance's errors are HTML.
        said = "<html><title>404 Not Found</title>No image found</html>"
        return Response(404, said, {"Content-Type": "text/html"})

    def show(self, machine: Machine, now: float) -> dict[str, Any]:
        """Return a server as Nova shows it."""
        phase = machine.phase(now)
        statuses = {"booting": "BUILD", "off": "SHUTOFF", "failed": "ERROR"}
        shown: dict[str, Any] = {
            "id": machine.id,
            "name": machine.name,
            "status": machine.raw_status or statuses.get(phase, "ACTIVE"),
            "tenant_id": project_of(machine.account),
            "user_id": "b5b7b73bb11aecf31bc12b3d2871397b",
            "metadata": machine.tags,
            "tags": sorted(tags_of(machine)),
            "hostId": "",
            "image": "",
            "flavor": {"vcpus": 2, "ram": 4096, "disk": 20, "original_name": "m1"},
            "created": CREATED,
            "updated": CREATED,
            "addresses": self.show_addresses(machine, now),
            "accessIPv4": "",
            "accessIPv6": "",
            "links": [],
            "OS-DCF:diskConfig": "MANUAL",
            "progress": 0,
            "OS-EXT-AZ:availability_zone": "nova",
            "config_drive": "",
            "key_name": None,
            "OS-EXT-STS:task_state": "deleting" if phase == "ending" else None,
            "OS-EXT-STS:vm_state": "active",
            "OS-EXT-STS:power_state": 1,
            "os-extended-volumes:volumes_attached": self.list_attached(machine, now),
            "locked": machine.protected,
            "description": None,
        }
        if phase == "failed":
            shown["fault"] = {"code": 500, "created": CREATED, "message": machine.fault}
        return shown


def tags_of(machine: Machine) -> set[str]:
    """Return a server's tags, which are not its metadata."""
    return set(machine.extra.get("tags", ()))


def _find_wrong(server: dict[str, Any]) -> str:
    """Return why Nova refuses a create call, or ""."""
    image = disk_of(server).get("uuid") or server.get("imageRef")
    if image not in {each["id"] for each in IMAGES}:
        return "bad_image"
    if server["flavorRef"] not in {each["id"] for each in FLAVORS}:
        return "bad_flavor"
    data = server.get("user_data", "")
    base64.b64decode(data, validate=True)
    return "invalid" if len(data) > _MOST_USER_DATA else ""
