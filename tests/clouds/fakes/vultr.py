"""A fake of Vultr's API, as its description and answers that others quoted have it.

Invented, since nothing tells it: the words of ``forbidden`` and ``no_capacity``, that a
label matches in part, what follows a cursor whose entry is gone, that a destroyed
instance is no longer shown at once, the addresses, and how long anything takes. From
elsewhere than the description: the list of applications, prices per hour, the only
filter of a request, and that an instance shows as active but stopped and locked while
it is installed.
"""

import base64
from collections.abc import Callable, Iterable, Sequence
from typing import Any, ClassVar
from uuid import UUID

from tests.clouds.fakes.base import Fake
from tests.clouds.fakes.machines import Machine
from tests.clouds.fakes.vultr_offers import (
    ACLS,
    APPLICATIONS,
    CREATED,
    FIREWALL,
    KEY,
    PLANS,
    REGIONS,
    SNAPSHOTS,
    SYSTEMS,
    VPCS,
)
from tests.clouds.fakes.vultr_show import region_of, show, statuses_of
from tests.clouds.fakes.wire import Request, Response, route

PAGE = 500
FILTERS = frozenset({"tag", "label", "main_ip", "region", "firewall_group_id"})
PASSWORD = "v5{Fkvb#2ycPGwHs"  # of each instance, in its create's answer


class FakeVultr(Fake):
    """One API with an account for each key."""

    cloud = "vultr"
    base: ClassVar[str] = "/v2"
    invents: ClassVar[frozenset[str]] = frozenset(
        {
            "GET /applications",
            # The description has them in its examples only.
            *("v6_main_ip", "v6_network", "v6_network_size"),
            # A price such as 2.50, and the one per hour.
            *("monthly_cost", "hourly_cost"),
        }
    )
    errors: ClassVar[dict[str, tuple[int, str]]] = {
        "unauthorized": (401, "Invalid API token."),
        "expired": (401, "Invalid API token."),
        "forbidden": (403, "You are not allowed to perform that action."),
        "throttled": (429, "Rate limit exceeded"),
        "failing": (500, "Server error."),
        "missing": (404, "Invalid instance-id."),
        "no_capacity": (
            400,
            "Server add failed: The selected plan is not available in this region.",
        ),
        "quota": (
            400,
            "Server add failed: You have reached the maximum monthly fee limit.",
        ),
        "bad_image": (400, "Invalid OS chosen."),
        "bad_plan": (400, "Invalid plan chosen."),
        "locked": (
            500,
            "Unable to destroy server: Unable to remove VM: Server is currently locked",
        ),
        "invalid": (400, "Bad request."),
        "filters": (400, "Only one filter per request is allowed."),
    }

    def __init__(self) -> None:
        super().__init__()
        self.acls: list[str] = list(ACLS)
        self.sold_out: set[str] = set()  # plans

    def make_id(self, number: int) -> str:
        return str(UUID(int=number + (4 << 76) + (8 << 60)))

    def refuse(self, why: str, request: Request) -> Response:
        status, words = self.errors[why]
        return Response(status, {"error": words, "status": status})

    def find_machine(self, request: Request, machine_id: str) -> Machine | None:
        machine = super().find_machine(request, machine_id)
        return None if machine is None or machine.destroyed is not None else machine

    @route("GET", "/account")
    def get_account(self, request: Request) -> Response:
        account = {
            "acls": self.acls,
            "balance": -100.55,
            "email": "admin@example.com",
            "last_payment_amount": -1.25,
            "last_payment_date": CREATED,
            "name": request.account,
            "pending_charges": 60.25,
        }
        return Response(200, {"account": account})

    @route("POST", "/instances", role="create")
    def create(self, request: Request) -> Response:
        body = request.data
        if not isinstance(body, dict) or body.get("region") not in ids_of(REGIONS):
            return self.refuse("invalid", request)
        if body.get("plan") not in ids_of(PLANS):
            return self.refuse("bad_plan", request)
        if not self.has_image(body):
            return self.refuse("bad_image", request)
        for knob in ("no_capacity", "quota"):
            if self.take(knob):
                return self.refuse(knob, request)
        machine = self.add_machine(
            request,
            machine_id=self.make_id(self.next_number()),
            name=body.get("label", ""),
            tags=dict.fromkeys(body.get("tags", ()), ""),
        )
        shown = self.show(machine, machine.effect)
        new = {"status": "pending", "power_status": "running", "server_status": "none"}
        nowhere = {"main_ip": "0.0.0.0", "v6_main_ip": ""}
        return Response(
            202, {"instance": {**shown, **new, **nowhere, "default_password": PASSWORD}}
        )

    @route("GET", "/instances", role="list")
    def list(self, request: Request) -> Response:
        if len(FILTERS & set(request.query)) > 1:
            return self.refuse("filters", request)
        machines = self.list_machines(request)
        if label := request.ask("label"):
            machines = [m for m in machines if label.lower() in m.name.lower()]
        if region := request.ask("region"):
            machines = [m for m in machines if region_of(m) == region]
        return self.paged(
            request,
            "instances",
            machines,
            lambda each: self.show(each, request.now),
            ids=[machine.id for machine in machines],
            known=[*self.machines],
        )

    @route("GET", "/instances/{instance_id}", role="get")
    def get(self, request: Request) -> Response:
        machine = self.find_machine(request, request.params["instance_id"])
        if machine is None:
            return self.refuse("missing", request)
        return Response(200, {"instance": self.show(machine, request.now)})

    @route("DELETE", "/instances/{instance_id}", role="destroy")
    def destroy(self, request: Request) -> Response:
        machine = self.find_machine(request, request.params["instance_id"])
        if machine is None:
            return self.refuse("missing", request)
        if statuses_of(machine, request.now)[2] == "locked":
            return self.refuse("locked", request)
        self.end_machine(machine, request.now)
        return Response(204)

    @route("GET", "/regions")
    def list_regions(self, request: Request) -> Response:
        return self.listed(request, "regions", REGIONS)

    @route("GET", "/regions/{region_id}/availability")
    def list_available(self, request: Request) -> Response:
        region = request.params["region_id"]
        if region not in ids_of(REGIONS):
            return Response(404, {"error": "Invalid region.", "status": 404})
        free = [
            plan["id"]
            for plan in PLANS
            if region in plan["locations"] and plan["id"] not in self.sold_out
        ]
        return Response(200, {"available_plans": free})

    @route("GET", "/plans")
    def list_plans(self, request: Request) -> Response:
        return self.listed(request, "plans", PLANS)

    @route("GET", "/os")
    def list_systems(self, request: Request) -> Response:
        return self.listed(request, "os", SYSTEMS)

    @route("GET", "/applications")
    def list_applications(self, request: Request) -> Response:
        return self.listed(request, "applications", APPLICATIONS)

    @route("GET", "/snapshots")
    def list_snapshots(self, request: Request) -> Response:
        return self.listed(request, "snapshots", SNAPSHOTS)

    @route("GET", "/ssh-keys/{key_id}")
    def get_key(self, request: Request) -> Response:
        if request.params["key_id"] != KEY["id"]:
            return Response(404, {"error": "Invalid SSH key.", "status": 404})
        return Response(200, {"ssh_key": KEY})

    @route("GET", "/vpcs")
    def list_vpcs(self, request: Request) -> Response:
        return self.listed(request, "vpcs", VPCS)

    @route("GET", "/firewalls")
    def list_firewalls(self, request: Request) -> Response:
        return self.listed(request, "firewall_groups", [FIREWALL])

    def listed(self, request: Request, name: str, entries: Any) -> Response:
        """Return one page of a list that never changes."""
        ids = [str(each["id"]) for each in entries]
        return self.paged(request, name, entries, lambda each: each, ids=ids, known=ids)

    def paged(
        self,
        request: Request,
        name: str,
        entries: Any,
        show: Callable[[Any], Any],
        *,
        ids: Sequence[str],
        known: Sequence[str],
    ) -> Response:
        """Return one page of a list.

        A cursor holds the id of the next page's first entry. If it is gone, the page
        starts with the one that came after it.
        """
        size = min(int(request.ask("per_page", "100")), self.page or PAGE, PAGE)
        first = 0
        if cursor := request.ask("cursor"):
            named = base64.b64decode(cursor).decode().removeprefix("next__")
            left = set(known[[*known].index(named) :])
            first = next((n for n, each in enumerate(ids) if each in left), len(ids))
        following = ""
        if first + size < len(entries):
            plain = f"next__{ids[first + size]}"
            following = base64.b64encode(plain.encode()).decode()
        links = {"next": following, "prev": ""}
        shown = [show(each) for each in entries[first : first + size]]
        return Response(
            200, {name: shown, "meta": {"total": len(entries), "links": links}}
        )

    def show(self, machine: Machine, now: float) -> dict[str, Any]:
        """Return an instance as the API shows it."""
        return show(machine, [*self.machines].index(machine.id) % 250 + 1, now)

    def has_image(self, body: dict[str, Any]) -> bool:
        """Tell whether a create call names exactly one image, which exists."""
        marketplace = {each["image_id"] for each in APPLICATIONS if each["image_id"]}
        wanted = {
            "os_id": ids_of(SYSTEMS),
            "app_id": ids_of(APPLICATIONS),
            "image_id": marketplace,
            "snapshot_id": ids_of(SNAPSHOTS),
        }
        given = [name for name in wanted if name in body]
        return len(given) == 1 and body[given[0]] in wanted[given[0]]


def ids_of(entries: Iterable[dict[str, Any]]) -> set[Any]:
    """Return the ids of a list."""
    return {each["id"] for each in entries}
