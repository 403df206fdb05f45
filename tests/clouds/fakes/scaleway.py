"""A fake of Scaleway's APIs, as the vendor's SDK and recorded answers have them.

Invented, since nothing tells it: that out_of_stock is a 503, all of what a protected
server and a volume in use answer, that terminate is refused with transient_state while
a server starts, names of quotas, the addresses, and how long anything takes. The two
PATCH calls of volumes are not in the extract of the SDK.
"""

from typing import Any, ClassVar

from tests.clouds.fakes.machines import Machine
from tests.clouds.fakes.scaleway_errors import refuse
from tests.clouds.fakes.scaleway_lists import ScalewayLists
from tests.clouds.fakes.scaleway_offers import (
    IMAGE_ID,
    LABEL,
    NETWORK_ID,
    OWN_IMAGE_ID,
    PROJECTS,
    TYPES,
    ZONE,
)
from tests.clouds.fakes.scaleway_show import show_server, show_task
from tests.clouds.fakes.wire import Handler, Request, Response, route

_ZONED = "/instance/v1/zones/{zone}"
USER_DATA_BYTES = 127_000


class FakeScaleway(ScalewayLists):
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

    def __init__(self) -> None:
        super().__init__()
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
        return refuse(why, request)

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

    def show(self, machine: Machine, now: float) -> dict[str, Any]:
        """Return a server as the API shows it."""
        return show_server(machine, list(self.things.values()), now)


def split_tags(given: Any) -> dict[str, str]:
    """Return a server's tags by name, for the suite."""
    return dict(each.split("=", 1) for each in given)
