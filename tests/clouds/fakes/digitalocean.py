"""A fake of DigitalOcean's API, as its description and the recorded answers have it.

Invented, since nothing tells it: the words of ``forbidden``, that a destroyed Droplet
is no longer shown at once, the addresses, and how long anything takes.
"""

from typing import Any, ClassVar
from uuid import UUID

from tests.clouds.fakes.base import Fake
from tests.clouds.fakes.digitalocean_offers import (
    CREATED,
    IMAGE,
    IMAGES,
    KEY,
    REGIONS,
    SIZES,
    VPC,
)
from tests.clouds.fakes.machines import Machine
from tests.clouds.fakes.wire import Request, Response, route

PAGE = 200
_STATUSES = {"booting": "new", "running": "active"}


class FakeDigitalOcean(Fake):
    """One API with a team for each token."""

    cloud = "digitalocean"
    base: ClassVar[str] = "/v2"
    marks: ClassVar[dict[str, str]] = {
        "ratelimit-limit": "5000",
        "ratelimit-remaining": "4999",
    }
    errors: ClassVar[dict[str, tuple[int, str, str]]] = {
        "unauthorized": (401, "unauthorized", "Unable to authenticate you"),
        "expired": (401, "unauthorized", "Unable to authenticate you"),
        "forbidden": (403, "forbidden", "You are not authorized to do this"),
        "throttled": (429, "too_many_requests", "API rate limit exceeded."),
        "failing": (503, "service_unavailable", "Server is unavailable"),
        "missing": (404, "not_found", "The resource could not be found."),
        "no_capacity": (
            *(422, "unprocessable_entity"),
            "Size is not available in this region.",
        ),
        "quota": (
            *(422, "unprocessable_entity"),
            "creating this/these droplet(s) will exceed your droplet limit",
        ),
        "bad_image": (
            *(422, "unprocessable_entity"),
            "You specified an invalid image for Droplet creation.",
        ),
        "invalid": (422, "unprocessable_entity", "A field is invalid."),
    }

    def __init__(self) -> None:
        super().__init__()
        self.tagging = 0.0  # seconds from a Droplet's effect until it has its tags

    def refuse(self, why: str, request: Request) -> Response:
        status, code, message = self.errors[why]
        return Response(status, {"id": code, "message": message})

    def find_machine(self, request: Request, machine_id: str) -> Machine | None:
        machine = super().find_machine(request, machine_id)
        return None if machine is None or machine.destroyed is not None else machine

    @route("GET", "/account")
    def get_account(self, request: Request) -> Response:
        number = sorted(set(self.tokens.values())).index(request.account) + 1
        account = {
            "droplet_limit": 25,
            "email": "sammy@example.com",
            "email_verified": True,
            "floating_ip_limit": 5,
            "name": "Sammy",
            "status": "active",
            "status_message": "",
            "team": {"name": request.account, "uuid": str(UUID(int=number))},
            "uuid": str(UUID(int=100)),
        }
        return Response(200, {"account": account})

    @route("POST", "/droplets", role="create")
    def create(self, request: Request) -> Response:
        body = request.data
        if not isinstance(body, dict):
            return self.refuse("invalid", request)
        if body["image"] not in {each[n] for each in IMAGES for n in ("id", "slug")}:
            return self.refuse("bad_image", request)
        if body["size"] not in {each["slug"] for each in SIZES}:
            return self.refuse("invalid", request)
        if len(body.get("user_data", "").encode()) > 64 * 1024:
            return self.refuse("invalid", request)
        for knob in ("no_capacity", "quota"):
            if self.take(knob):
                return self.refuse(knob, request)
        number = self.next_number()
        machine = self.add_machine(
            request,
            machine_id=str(number),
            name=body["name"],
            tags=dict.fromkeys(body.get("tags", ()), ""),
        )
        link = {"id": number, "rel": "create", "href": f"{self.url}/actions/{number}"}
        shown = {**self.show(machine, machine.effect), "status": "new"}
        shown["networks"] = {"v4": [], "v6": []}
        return Response(202, {"droplet": shown, "links": {"actions": [link]}})

    @route("GET", "/droplets", role="list")
    def list(self, request: Request) -> Response:
        machines = self.list_machines(request)
        if name := request.ask("name"):
            machines = [m for m in machines if m.name.lower() == name.lower()]
        if tag := request.ask("tag_name"):
            machines = [
                m
                for m in machines
                if tag.lower() in map(str.lower, self.tags_at(m, request.now))
            ]
        return self.paged(
            request, "droplets", machines, lambda each: self.show(each, request.now)
        )

    @route("DELETE", "/droplets", role="destroy_all")
    def destroy_all(self, request: Request) -> Response:
        raise AssertionError("This call destroys all Droplets with a tag.")

    @route("GET", "/droplets/{droplet_id}", role="get")
    def get(self, request: Request) -> Response:
        machine = self.find_machine(request, request.params["droplet_id"])
        if machine is None:
            return self.refuse("missing", request)
        return Response(200, {"droplet": self.show(machine, request.now)})

    @route("DELETE", "/droplets/{droplet_id}", role="destroy")
    def destroy(self, request: Request) -> Response:
        machine = self.find_machine(request, request.params["droplet_id"])
        if machine is None:
            return self.refuse("missing", request)
        self.end_machine(machine, request.now)
        return Response(204)

    @route("GET", "/volumes", role="leftovers")
    def list_volumes(self, request: Request) -> Response:
        entries = list(self.left.get((request.account, "volumes"), {}).values())
        return self.paged(request, "volumes", entries, lambda each: each)

    @route("DELETE", "/volumes/{volume_id}", role="delete_leftover")
    def delete_volume(self, request: Request) -> Response:
        entries = self.left.get((request.account, "volumes"), {})
        if entries.pop(request.params["volume_id"], None) is None:
            return self.refuse("missing", request)
        return Response(204)

    @route("GET", "/regions")
    def list_regions(self, request: Request) -> Response:
        return self.paged(request, "regions", REGIONS, lambda each: each)

    @route("GET", "/sizes")
    def list_sizes(self, request: Request) -> Response:
        return self.paged(request, "sizes", SIZES, lambda each: each)

    @route("GET", "/images")
    def list_images(self, request: Request) -> Response:
        private = request.ask("private") == "true"
        found = [each for each in IMAGES if each["public"] is not private]
        return self.paged(request, "images", found, lambda each: each)

    @route("GET", "/images/{image_id}")
    def get_image(self, request: Request) -> Response:
        for each in IMAGES:
            if request.params["image_id"] in {str(each["id"]), each["slug"]}:
                return Response(200, {"image": each})
        return self.refuse("missing", request)

    @route("GET", "/account/keys")
    def list_keys(self, request: Request) -> Response:
        return self.paged(request, "ssh_keys", [KEY], lambda each: each)

    @route("GET", "/vpcs")
    def list_vpcs(self, request: Request) -> Response:
        return self.paged(request, "vpcs", [VPC], lambda each: each)

    def plant_leftover(
        self, kind: str, tags: dict[str, str], *, account: str = "one"
    ) -> str:
        """Have a volume lie about, and return its id."""
        number = str(UUID(int=self.next_number()))
        self.left.setdefault((account, kind), {})[number] = {
            "created_at": CREATED,
            "description": "",
            "droplet_ids": [],
            "filesystem_label": "",
            "filesystem_type": "ext4",
            "id": number,
            "name": "left",
            "region": REGIONS[0],
            "size_gigabytes": 10,
            "tags": list(tags),
        }
        return number

    def paged(self, request: Request, name: str, entries: Any, show: Any) -> Response:
        """Return one page of a list."""
        most = min(self.page or PAGE, PAGE)
        size = min(int(request.ask("per_page", "20")), most)
        page = int(request.ask("page", "1"))
        links: dict[str, Any] = {}
        if page * size < len(entries):
            following = f"{self.url}/{name}?page={page + 1}&per_page={size}"
            links = {"pages": {"next": following, "last": following}}
        shown = [show(each) for each in entries[(page - 1) * size : page * size]]
        return Response(
            200, {name: shown, "links": links, "meta": {"total": len(entries)}}
        )

    def tags_at(self, machine: Machine, now: float) -> Any:
        """Return the tags that a Droplet has by now."""
        return [*machine.tags] if now >= machine.effect + self.tagging else []

    def show(self, machine: Machine, now: float) -> dict[str, Any]:
        """Return a Droplet as the API shows it."""
        phase, number = machine.phase(now), int(machine.id)
        low = number % 250 + 1
        v4 = [
            {
                "gateway": "10.0.0.1",
                "ip_address": f"10.0.0.{low}",
                "netmask": "255.255.240.0",
                "type": "private",
            }
        ]
        v6 = []
        if machine.body.get("public_networking", True):
            v4.append({**v4[0], "ip_address": f"192.0.2.{low}", "type": "public"})
        if machine.body.get("ipv6"):
            v6 = [
                {
                    "gateway": "2001:db8::1",
                    "ip_address": f"2001:db8::{number:x}:1",
                    "netmask": 64,
                    "type": "public",
                }
            ]
        wanted = machine.body.get("region", "fra1")
        return {
            "backup_ids": [],
            "created_at": CREATED,
            "disk": 25,
            "features": [],
            "id": number,
            "image": IMAGE,
            "kernel": None,
            "locked": False,
            "memory": 1024,
            "name": machine.name,
            "networks": {"v4": v4, "v6": v6},
            "next_backup_window": None,
            "region": next(each for each in REGIONS if each["slug"] == wanted),
            "size": SIZES[0],
            "size_slug": SIZES[0]["slug"],
            "snapshot_ids": [],
            "status": machine.raw_status or _STATUSES.get(phase, phase),
            "tags": self.tags_at(machine, now),
            "vcpus": 1,
            "volume_ids": [],
            "vpc_uuid": VPC["id"],
        }
