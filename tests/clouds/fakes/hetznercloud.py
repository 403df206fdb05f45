"""A fake of Hetzner Cloud's API, as its description and the recorded answers have it.

Invented, since nothing tells it: the status codes of ``forbidden`` and of the quota
(403), that a name which is taken is a 409, that labels are matched at once, the
addresses, and how long anything takes.
"""

import re
from typing import Any, ClassVar

from tests.clouds.fakes.base import Fake
from tests.clouds.fakes.hetznercloud_offers import (
    CREATED,
    DATACENTER,
    IMAGE,
    IMAGES,
    KEY,
    LOCATION,
    LOCATIONS,
    NO_DELETE,
    PRICES,
    TYPES,
)
from tests.clouds.fakes.machines import Machine
from tests.clouds.fakes.wire import Request, Response, route

PAGE = 50
_STATUSES = {"booting": "initializing", "off": "off", "ending": "deleting"}
_SELECTOR = re.compile(r"([^=,]+)==([^=,]+)")


class FakeHetznerCloud(Fake):
    """One API with a project for each token."""

    cloud = "hetznercloud"
    base: ClassVar[str] = "/v1"
    marks: ClassVar[dict[str, str]] = {
        "RateLimit-Limit": "3600",
        "RateLimit-Remaining": "3599",
    }
    errors: ClassVar[dict[str, tuple[int, str, str]]] = {
        "unauthorized": (401, "unauthorized", "unable to authenticate"),
        # Tokens have no end. One that was deleted is unknown.
        "expired": (401, "unauthorized", "unable to authenticate"),
        "forbidden": (403, "token_readonly", "token only has read permission"),
        "throttled": (429, "rate_limit_exceeded", "limit of 3600 requests per hour"),
        "failing": (503, "unavailable", "service unavailable"),
        "missing": (404, "not_found", "server not found"),
        "no_capacity": (412, "resource_unavailable", "error during placement"),
        "quota": (403, "resource_limit_exceeded", "server limit reached"),
        "bad_image": (422, "invalid_input", "invalid input in field 'image'"),
        "protected": (403, "protected", "server deletion is protected"),
        "taken": (409, "uniqueness_error", "server name is already used"),
        "invalid": (422, "invalid_input", "invalid input in a field"),
    }

    def refuse(self, why: str, request: Request) -> Response:
        status, code, message = self.errors[why]
        error = {"code": code, "message": message, "details": None}
        return Response(status, {"error": error})

    @route("POST", "/servers", role="create")
    def create(self, request: Request) -> Response:
        body = request.data
        if not isinstance(body, dict):
            return self.refuse("invalid", request)
        if any(
            machine.name == body["name"]
            for machine in self.machines.values()
            if machine.account == request.account
            and machine.phase(request.now) != "gone"
        ):
            return self.refuse("taken", request)
        known = {str(each[name]) for each in IMAGES for name in ("id", "name")}
        if body["image"] not in known:
            return self.refuse("bad_image", request)
        if body["server_type"] not in {each["name"] for each in TYPES}:
            return self.refuse("invalid", request)
        if len(body.get("user_data", "").encode()) > 32 * 1024:
            return self.refuse("invalid", request)
        for knob in ("no_capacity", "quota"):
            if self.take(knob):
                return self.refuse(knob, request)
        number = self.next_number()
        machine = self.add_machine(
            request,
            machine_id=str(number),
            name=body["name"],
            tags=body.get("labels", {}),
            switched_on=body.get("start_after_create", True),
            address=f"192.0.2.{number % 250 + 1}",
        )
        shown = self.show(machine, max(request.now, machine.effect))
        answer = {
            "server": shown,
            "action": self.show_action("create_server", number),
            "next_actions": [self.show_action("start_server", number)],
            "root_password": None if body.get("ssh_keys") else "YItygq1v3GYjjMomLaKc",
        }
        return Response(201, answer)

    @route("GET", "/servers", role="list")
    def list(self, request: Request) -> Response:
        machines = self.list_machines(request)
        if name := request.ask("name"):
            machines = [each for each in machines if each.name == name]
        if selector := request.ask("label_selector"):
            found = _SELECTOR.fullmatch(selector)
            if found is None:
                return self.refuse("invalid", request)
            machines = [
                each for each in machines if each.tags.get(found[1]) == found[2]
            ]
        return self.paged(
            request, "servers", machines, lambda each: self.show(each, request.now)
        )

    @route("GET", "/servers/{id}", role="get")
    def get(self, request: Request) -> Response:
        machine = self.find_machine(request, request.params["id"])
        if machine is None:
            return self.refuse("missing", request)
        return Response(200, {"server": self.show(machine, request.now)})

    @route("DELETE", "/servers/{id}", role="destroy")
    def destroy(self, request: Request) -> Response:
        machine = self.find_machine(request, request.params["id"])
        if machine is None:
            return self.refuse("missing", request)
        if machine.protected:
            return self.refuse("protected", request)
        self.end_machine(machine, request.now)
        action = self.show_action("delete_server", int(machine.id))
        return Response(200, {"action": action})

    @route("GET", "/volumes", role="leftovers")
    def list_volumes(self, request: Request) -> Response:
        return self.list_left(request, "volumes")

    @route("GET", "/primary_ips", role="leftovers")
    def list_addresses(self, request: Request) -> Response:
        return self.list_left(request, "primary_ips")

    @route("DELETE", "/volumes/{id}", role="delete_leftover")
    def delete_volume(self, request: Request) -> Response:
        return self.delete_left(request, "volumes")

    @route("DELETE", "/primary_ips/{id}", role="delete_leftover")
    def delete_address(self, request: Request) -> Response:
        return self.delete_left(request, "primary_ips")

    @route("GET", "/locations")
    def list_locations(self, request: Request) -> Response:
        return self.list_named(request, "locations", LOCATIONS)

    @route("GET", "/server_types")
    def list_types(self, request: Request) -> Response:
        return self.list_named(request, "server_types", TYPES)

    @route("GET", "/images")
    def list_images(self, request: Request) -> Response:
        return self.list_named(request, "images", IMAGES)

    @route("GET", "/images/{id}")
    def get_image(self, request: Request) -> Response:
        for each in IMAGES:
            if str(each["id"]) == request.params["id"]:
                return Response(200, {"image": each})
        return self.refuse("missing", request)

    @route("GET", "/ssh_keys")
    def list_keys(self, request: Request) -> Response:
        return self.list_named(request, "ssh_keys", [KEY])

    @route("GET", "/pricing")
    def get_prices(self, request: Request) -> Response:
        return Response(200, {"pricing": PRICES})

    def plant_leftover(
        self, kind: str, tags: dict[str, str], *, account: str = "one"
    ) -> str:
        """Have a volume or an address lie about, and return its id."""
        number = self.next_number()
        entry: dict[str, Any] = {
            "created": CREATED,
            "id": number,
            "labels": tags,
            "location": LOCATION,
            "name": f"left-{number}",
            "protection": NO_DELETE,
        }
        if kind == "volumes":
            entry |= {
                "format": "ext4",
                "linux_device": f"/dev/disk/by-id/scsi-0HC_Volume_{number}",
                "server": None,
                "size": 10,
                "status": "available",
            }
        else:
            entry |= {
                "assignee_id": None,
                "assignee_type": "server",
                "auto_delete": False,
                "blocked": False,
                "datacenter": DATACENTER,
                "dns_ptr": [],
                "ip": "192.0.2.250",
                "type": "ipv4",
            }
        self.left.setdefault((account, kind), {})[str(number)] = entry
        return str(number)

    def list_left(self, request: Request, kind: str) -> Response:
        entries = list(self.left.get((request.account, kind), {}).values())
        if found := _SELECTOR.fullmatch(request.ask("label_selector")):
            entries = [e for e in entries if e["labels"].get(found[1]) == found[2]]
        return self.paged(request, kind, entries, lambda each: each)

    def delete_left(self, request: Request, kind: str) -> Response:
        entries = self.left.get((request.account, kind), {})
        if entries.pop(request.params["id"], None) is None:
            return self.refuse("missing", request)
        return Response(204)

    def list_named(self, request: Request, name: str, entries: Any) -> Response:
        if wanted := request.ask("name"):
            entries = [each for each in entries if each["name"] == wanted]
        return self.paged(request, name, entries, lambda each: each)

    def paged(self, request: Request, name: str, entries: Any, show: Any) -> Response:
        """Return one page of a list."""
        most = min(self.page or PAGE, PAGE)
        size = min(int(request.ask("per_page", "25")), most)
        page = int(request.ask("page", "1"))
        last = max(1, -(-len(entries) // size))
        pagination = {
            "last_page": last,
            "next_page": page + 1 if page < last else None,
            "page": page,
            "per_page": size,
            "previous_page": page - 1 if page > 1 else None,
            "total_entries": len(entries),
        }
        shown = [show(each) for each in entries[(page - 1) * size : page * size]]
        return Response(200, {name: shown, "meta": {"pagination": pagination}})

    def show(self, machine: Machine, now: float) -> dict[str, Any]:
        """Return a server as the API shows it."""
        phase = machine.phase(now)
        number = int(machine.id)
        net = machine.body.get("public_net", {})
        ipv4 = {"id": number, "ip": machine.address, "blocked": False, "dns_ptr": "a"}
        ipv6 = {"ip": f"2001:db8:{number:x}::/64", "blocked": False, "dns_ptr": []}
        location = next(
            each
            for each in LOCATIONS
            if each["name"] == machine.body.get("location", "fsn1")
        )
        return {
            "backup_window": None,
            "created": CREATED,
            "datacenter": DATACENTER,
            "id": number,
            "image": IMAGE,
            "included_traffic": None,
            "ingoing_traffic": None,
            "iso": None,
            "labels": machine.tags,
            "load_balancers": [],
            "location": location,
            "locked": False,
            "name": machine.name,
            "outgoing_traffic": None,
            "placement_group": None,
            "primary_disk_size": 40,
            "private_net": [
                {
                    "alias_ips": [],
                    "ip": f"10.0.0.{number % 250 + 1}",
                    "mac_address": "86:00:ff:2a:7d:e1",
                    "network": network,
                }
                for network in machine.body.get("networks", ())
            ],
            "protection": {"delete": machine.protected, "rebuild": machine.protected},
            "public_net": {
                "firewalls": [],
                "floating_ips": [],
                "ipv4": ipv4 if net.get("enable_ipv4", True) else None,
                "ipv6": ipv6 if net.get("enable_ipv6", True) else None,
            },
            "rescue_enabled": False,
            "server_type": TYPES[0],
            "status": machine.raw_status or _STATUSES.get(phase, phase),
            "volumes": [],
        }

    def show_action(self, command: str, server: int) -> dict[str, Any]:
        """Return an action that runs."""
        return {
            "command": command,
            "error": None,
            "finished": None,
            "id": server * 10,
            "progress": 0,
            "resources": [{"id": server, "type": "server"}],
            "started": CREATED,
            "status": "running",
        }
