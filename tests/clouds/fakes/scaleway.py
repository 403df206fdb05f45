"""A fake of Scaleway's APIs, as the vendor's SDK and recorded answers have them.

Invented, since nothing tells it: that out_of_stock is a 503, all of what a protected
server and a volume in use answer, that terminate is refused with transient_state while
a server starts, names of quotas, the addresses, and how long anything takes. The two
PATCH calls of volumes are not in the extract of the SDK.
"""

from typing import Any, ClassVar

from tests.clouds.fakes.machines import Machine
from tests.clouds.fakes.scaleway_offers import (
    CREATED,
    GROUP,
    GROUP_ID,
    IMAGE,
    IMAGE_ID,
    LABEL,
    LABELS,
    LOCAL_IMAGES,
    NETWORK_ID,
    ORGANIZATION,
    OWN_IMAGE,
    OWN_IMAGE_ID,
    PLACEMENT_ID,
    PROJECTS,
    TYPES,
    ZONE,
    make_quotum,
)
from tests.clouds.fakes.scaleway_storage import ScalewayStorage
from tests.clouds.fakes.wire import Handler, Request, Response, route

_ZONED = "/instance/v1/zones/{zone}"
_STATES = {
    "booting": "starting",
    "running": "running",
    "off": "stopped",
    "ending": "stopping",
}
_ACTIONS = {
    "stopped": ["poweron", "backup"],
    "starting": ["stop_in_place", "backup"],
    "running": ["poweroff", "terminate", "reboot", "stop_in_place", "backup"],
}
USER_DATA_BYTES = 127_000


class FakeScaleway(ScalewayStorage):
    """One zone, with a project for each token."""

    cloud = "scaleway"
    # type, class and the like have other names in the SDK, and image_label is recorded.
    invents: ClassVar[frozenset[str]] = frozenset(
        {
            *("type", "class", "image_label"),
            "PATCH /block/v1alpha1/zones/{zone}/volumes/{volume_id}",
            "PATCH /instance/v1/zones/{zone}/volumes/{volume_id}",
            "PATCH /instance/v1/zones/{zone}/servers/{server_id}/user_data/{key}",
        }
    )
    errors: ClassVar[dict[str, tuple[int, dict[str, Any]]]] = {
        "unauthorized": (
            401,
            {
                "type": "denied_authentication",
                "message": "authentication is denied",
                "method": "api_key",
                "reason": "not_found",
            },
        ),
        "expired": (
            401,
            {
                "type": "denied_authentication",
                "message": "authentication is denied",
                "method": "api_key",
                "reason": "expired",
            },
        ),
        "forbidden": (
            403,
            {
                "type": "permissions_denied",
                "message": "insufficient permissions",
                "details": [{"resource": "compute_servers", "action": "write"}],
            },
        ),
        "volumes": (
            403,
            {
                "type": "permissions_denied",
                "message": "insufficient permissions",
                "details": [{"resource": "volume", "action": "write"}],
            },
        ),
        "failing": (503, {"message": "service unavailable"}),
        "no_capacity": (
            503,
            {
                "type": "out_of_stock",
                "message": "resource is out of stock",
                "resource": "compute",
            },
        ),
        "quota": (
            403,
            {
                "type": "quotas_exceeded",
                "message": "quota exceeded",
                "details": [
                    {"resource": "cp_servers_type_DEV1_S", "quota": 10, "current": 10}
                ],
            },
        ),
        "protected": (
            412,
            {
                "type": "precondition_failed",
                "message": "precondition is not respected",
                "precondition": "resource_protected",
                "help_message": "the server is protected",
            },
        ),
        "in_use": (
            412,
            {
                "type": "precondition_failed",
                "message": "precondition is not respected",
                "precondition": "resource_still_in_use",
            },
        ),
        "transient": (
            409,
            {
                "type": "transient_state",
                "message": "resource is in a transient state",
                "resource": "instance_server",
                "resource_id": "",
                "current_state": "starting",
            },
        ),
        "invalid": (
            400,
            {
                "type": "invalid_arguments",
                "message": "invalid argument(s)",
                "details": [
                    {
                        "argument_name": "commercial_type",
                        "reason": "constraint",
                        "help_message": "is not valid",
                    }
                ],
            },
        ),
    }
    missing: ClassVar[dict[str, str]] = {
        "missing": "instance_server",
        "bad_image": "instance_image",
        "no_volume": "instance_volume",
        "no_ip": "instance_ip",
        "no_network": "private_network",
        "no_label": "MarketplaceImage",
    }

    def __init__(self) -> None:
        super().__init__()
        self.shortage: set[str] = set()
        self.no_power = 0  # the next poweron calls that find no capacity

    def read_token(self, request: Request) -> str:
        return request.headers.get("x-auth-token", "")

    def make_id(self, number: int) -> str:
        return f"00000000-0000-4000-8000-{number:012x}"

    def match(
        self, method: str, path: str, body: bytes
    ) -> tuple[str, str, dict[str, str], Handler | None]:
        template, role, params, handler = super().match(method, path, body)
        if template.endswith("/action") and b"terminate" in body:
            role = "destroy"
        return template, role, params, handler

    def refuse(self, why: str, request: Request) -> Response:
        if why == "throttled":
            return Response(429, None, {"X-Envoy-Ratelimited": "true"})
        if resource := self.missing.get(why):
            asked = request.path.rpartition("/")[2]
            body = {
                "type": "not_found",
                "message": "resource is not found",
                "resource": resource,
                "resource_id": asked,
            }
            return Response(404, body)
        status, error = self.errors[why]
        return Response(status, error)

    @route("POST", f"{_ZONED}/servers", role="create")
    def create(self, request: Request) -> Response:
        body = request.data
        known = {IMAGE_ID, OWN_IMAGE_ID, LABEL}
        if not isinstance(body, dict) or body.get("commercial_type") not in TYPES:
            return self.refuse("invalid", request)
        if body.get("project") != PROJECTS.get(request.account):
            return self.refuse("forbidden", request)
        if body["image"] not in known:
            return self.refuse("bad_image", request)
        for knob in ("no_capacity", "quota"):
            if self.take(knob):
                return self.refuse(knob, request)
        server = self.make_uuid()
        wanted = (body.get("volumes") or {}).get("0", {})
        self.add_thing(
            request.account,
            wanted.get("volume_type", "sbs_volume"),
            server=server,
            size=wanted.get("size", 10_000_000_000),
        )
        machine = self.add_machine(
            request,
            machine_id=server,
            name=body["name"],
            tags=split_tags(body.get("tags", ())),
            switched_on=False,
            address=self.make_address(),
            extra={"tags": list(body.get("tags", ())), "user_data": {}, "nics": []},
        )
        shown = self.show(machine, max(request.now, machine.effect))
        return Response(201, {"server": shown})

    def make_address(self) -> str:
        number = self.next_number()
        return f"192.0.2.{number % 250 + 1}"

    def plant(
        self, name: str, tags: Any, *, account: str = "one", **more: Any
    ) -> Machine:
        listed = [f"{each}={value}" for each, value in tags.items()]
        extra = {"tags": listed, "user_data": {}, "nics": []}
        return super().plant(
            name, tags, account=account, extra=extra, address="192.0.2.9", **more
        )

    @route("PATCH", f"{_ZONED}/servers/{{server_id}}/user_data/{{key}}", role="data")
    def set_user_data(self, request: Request) -> Response:
        machine = self.find_machine(request, request.params["server_id"])
        if machine is None:
            return self.refuse("missing", request)
        if request.headers.get("content-type") != "text/plain":
            return self.refuse("invalid", request)
        if len(request.body) > USER_DATA_BYTES:
            return self.refuse("invalid", request)
        machine.extra["user_data"][request.params["key"]] = request.body
        return Response(204)

    @route("POST", f"{_ZONED}/servers/{{server_id}}/action", role="power")
    def act(self, request: Request) -> Response:
        machine = self.find_machine(request, request.params["server_id"])
        if machine is None:
            return self.refuse("missing", request)
        action, phase = request.data["action"], machine.phase(request.now)
        if action == "terminate" and phase == "running":
            if machine.protected:
                return self.refuse("protected", request)
            self.release(machine, request.now, terminates=True)
        elif action == "poweron" and phase == "off":
            if self.take("no_power"):
                return self.refuse("no_capacity", request)
            machine.extra["booted_with"] = dict(machine.extra["user_data"])
            machine.boots = request.now + self.processing + self.boot
        else:
            return self.refuse("transient", request)
        return Response(202, {"task": show_task(machine.id, action)})

    @route("GET", f"{_ZONED}/servers", role="list")
    def list(self, request: Request) -> Response:
        own = PROJECTS.get(request.account, "")
        wanted = set(filter(None, request.ask("tags").split(",")))
        machines = [
            each
            for each in self.list_machines(request)
            if wanted <= set(each.extra["tags"]) and request.ask("project", own) == own
        ]
        return self.paged(
            request, "servers", [self.show(each, request.now) for each in machines]
        )

    @route("GET", f"{_ZONED}/servers/{{server_id}}", role="get")
    def get(self, request: Request) -> Response:
        machine = self.find_machine(request, request.params["server_id"])
        if machine is None:
            return self.refuse("missing", request)
        return Response(200, {"server": self.show(machine, request.now)})

    @route("DELETE", f"{_ZONED}/servers/{{server_id}}", role="destroy")
    def destroy(self, request: Request) -> Response:
        machine = self.find_machine(request, request.params["server_id"])
        if machine is None:
            return self.refuse("missing", request)
        if machine.protected:
            return self.refuse("protected", request)
        if machine.phase(request.now) != "off":
            return self.refuse("transient", request)
        self.release(machine, request.now, terminates=False)
        machine.gone = request.now + self.processing
        return Response(204)

    @route("POST", f"{_ZONED}/servers/{{server_id}}/private_nics", role="network")
    def attach(self, request: Request) -> Response:
        machine = self.find_machine(request, request.params["server_id"])
        if machine is None:
            return self.refuse("missing", request)
        network = request.data["private_network_id"]
        if network != NETWORK_ID:
            return self.refuse("no_network", request)
        nic = {
            "id": self.make_uuid(),
            "server_id": machine.id,
            "private_network_id": network,
            "mac_address": "02:00:00:00:00:01",
            "state": "available",
            "tags": [],
            "zone": ZONE,
            "ipam_ip_ids": [],
        }
        machine.extra["nics"].append(nic)
        return Response(201, {"private_nic": nic})

    @route("GET", f"{_ZONED}/products/servers")
    def list_types(self, request: Request) -> Response:
        return self.paged(request, "servers", TYPES)

    @route("GET", f"{_ZONED}/products/servers/availability")
    def list_stock(self, request: Request) -> Response:
        stock = {
            name: {"availability": "shortage" if name in self.shortage else "available"}
            for name in TYPES
        }
        return self.paged(request, "servers", stock)

    @route("GET", f"{_ZONED}/images")
    def list_images(self, request: Request) -> Response:
        return self.paged(request, "images", [OWN_IMAGE])

    @route("GET", f"{_ZONED}/images/{{image_id}}")
    def get_image(self, request: Request) -> Response:
        for each in (IMAGE, OWN_IMAGE):
            if each["id"] == request.params["image_id"]:
                return Response(200, {"image": each})
        return self.refuse("bad_image", request)

    @route("GET", f"{_ZONED}/security_groups")
    def list_groups(self, request: Request) -> Response:
        return self.paged(request, "security_groups", [GROUP])

    @route("GET", "/marketplace/v2/images")
    def list_labels(self, request: Request) -> Response:
        return self.paged(request, "images", LABELS)

    @route("GET", "/marketplace/v2/local-images")
    def list_local_images(self, request: Request) -> Response:
        if request.ask("image_label") != LABEL:
            return self.refuse("no_label", request)
        return self.paged(request, "local_images", LOCAL_IMAGES)

    @route("GET", "/account/v3/projects/{project_id}", role="identity")
    def get_project(self, request: Request) -> Response:
        project = request.params["project_id"]
        if project != PROJECTS.get(request.account):
            return self.refuse("missing", request)
        shown = {
            "id": project,
            "name": "default",
            "organization_id": ORGANIZATION,
            "description": "",
            "status": "active",
            "created_at": CREATED,
            "updated_at": CREATED,
        }
        return Response(200, shown)

    @route("GET", "/iam/v1alpha1/quota")
    def list_quota(self, request: Request) -> Response:
        quota = [
            make_quotum("cp_servers_type_DEV1_S", 50),
            make_quotum("cp_servers_type_DEV1_M", 20),
            make_quotum("cp_servers_type_GP1_S", 10, "nl-ams-1"),
            make_quotum("buckets", 100),
        ]
        return self.paged(request, "quota", quota)

    def show(self, machine: Machine, now: float) -> dict[str, Any]:
        """Return a server as the API shows it."""
        phase = machine.phase(now)
        state = machine.raw_status or _STATES.get(phase, phase)
        on = state in {"running", "starting"}
        body = machine.body
        ips = []
        if on and body.get("dynamic_ip_required", True):
            ips.append(show_address(machine.id, machine.address, dynamic=True))
        volumes: dict[str, Any] = {}
        for thing in self.things.values():
            if thing["server"] == machine.id and thing["kind"] == "ip":
                ipv6 = f"2001:db8:{int(thing['id'][-6:], 16):x}::1"
                ips.append(show_address(thing["id"], ipv6, dynamic=False))
            elif thing["server"] == machine.id:
                volumes[str(len(volumes))] = {
                    "boot": False,
                    "volume_type": thing["kind"],
                    "id": thing["id"],
                    "state": "available",
                    "zone": ZONE,
                }
        return {
            "id": machine.id,
            "name": machine.name,
            "arch": "x86_64",
            "commercial_type": body.get("commercial_type", "DEV1-S"),
            "boot_type": "local",
            "organization": ORGANIZATION,
            "project": PROJECTS.get(machine.account, ""),
            "hostname": machine.name,
            "image": IMAGE,
            "volumes": volumes,
            "tags": machine.extra["tags"],
            "state": state,
            "protected": machine.protected,
            "state_detail": "terminating" if phase == "ending" else "",
            "public_ip": ips[0] if ips else None,
            "public_ips": ips,
            "mac_address": "de:00:00:d1:45:4d",
            "routed_ip_enabled": True,
            "ipv6": None,
            "dynamic_ip_required": body.get("dynamic_ip_required", True),
            "enable_ipv6": False,
            "private_ip": None,
            "creation_date": CREATED,
            "modification_date": CREATED,
            "security_group": {"id": GROUP_ID, "name": "Default security group"},
            "location": None,
            "maintenances": [],
            "allowed_actions": _ACTIONS.get(state, ["backup"]),
            "placement_group": None
            if body.get("placement_group") != PLACEMENT_ID
            else show_placement(),
            "private_nics": list(machine.extra["nics"]),
            "zone": ZONE,
            "filesystems": [],
            "end_of_service": False,
        }


def split_tags(given: Any) -> dict[str, str]:
    """Return a server's tags by name, for the suite."""
    return dict(each.split("=", 1) for each in given)


def show_placement() -> dict[str, Any]:
    return {
        "id": PLACEMENT_ID,
        "name": "spread",
        "organization": ORGANIZATION,
        "project": PROJECTS["one"],
        "tags": [],
        "policy_mode": "optional",
        "policy_type": "max_availability",
        "policy_respected": True,
        "zone": ZONE,
    }


def show_address(number: str, address: str, *, dynamic: bool) -> dict[str, Any]:
    """Return an address as a server has it."""
    ipv6 = ":" in address
    return {
        "id": number,
        "address": address,
        "dynamic": dynamic,
        "gateway": "fe80::1" if ipv6 else "192.0.2.254",
        "netmask": "64" if ipv6 else "32",
        "family": "inet6" if ipv6 else "inet",
        "provisioning_mode": "slaac" if ipv6 else "dhcp",
        "tags": [],
        "state": "attached",
        "ipam_id": number.replace("8000", "8002"),
    }


def show_task(server: str, action: str) -> dict[str, Any]:
    """Return a task that has not ended."""
    return {
        "id": "442c1b06-2526-402e-a364-61e4806401b4",
        "description": f"server_{action}",
        "status": "pending",
        "href_from": f"/servers/{server}/action",
        "href_result": f"/servers/{server}",
        "started_at": CREATED,
        "terminated_at": None,
        "progress": 0,
        "zone": ZONE,
    }
