"""A fake of Linode's API, as its description and the recorded answers have it.

From messages quoted in public issues and clients: a label that is taken, a plan without
room, user data that is too long, a token without a scope. Invented, since nothing tells
it: the words of a lock and of a bad image, that a page behind the last is missing, and
how long anything takes. Of firewalls, placement groups and VPCs, the description at
hand has nothing.
"""

import base64
import json
import re
from dataclasses import replace
from typing import Any, ClassVar

from tests.clouds.fakes.base import Fake
from tests.clouds.fakes.linode_offers import (
    CREATED,
    FIREWALL,
    GROUP,
    IMAGES,
    PLANS,
    PROFILE,
    REGIONS,
    ROOM,
    SLUGS,
    VPC,
)
from tests.clouds.fakes.linode_show import keeps, show_machine
from tests.clouds.fakes.wire import Handler, Request, Response, route

PAGE = 500
LABEL = re.compile(r"[a-zA-Z](?:(?![-_.]{2})[a-zA-Z0-9_.-]){1,62}[a-zA-Z0-9]")
MOST_USER_DATA = 16_384


class FakeLinode(Fake):
    """One API with an account for each token."""

    cloud = "linode"
    base: ClassVar[str] = "/v4"
    invents: ClassVar[frozenset[str]] = frozenset(
        {
            "GET /networking/firewalls/{firewall_id}",
            "GET /placement/groups/{group_id}",
            "GET /vpcs",
        }
    )
    marks: ClassVar[dict[str, str]] = {"X-RateLimit-Limit": "1840"}
    errors: ClassVar[dict[str, tuple[int, str, str]]] = {
        "unauthorized": (401, "Invalid Token", ""),
        "expired": (401, "Invalid Token", ""),
        "forbidden": (
            *(401, "Your OAuth token is not authorized to use this endpoint."),
            "",
        ),
        "throttled": (429, "Too many requests", ""),
        "failing": (503, "Service unavailable", ""),
        "missing": (404, "Not found", ""),
        "no_capacity": (
            403,
            (
                "The Linode plan you chose is not currently available in the selected "
                "region. Please select another region or plan type, or contact Support "
                "for assistance."
            ),
            "",
        ),
        "quota": (400, "Account Limit reached. Please open a support ticket.", ""),
        "bad_image": (400, "image is not valid", "image"),
        "bad_label": (400, "Label has an invalid format", "label"),
        "taken": (400, "Label must be unique among your linodes", "label"),
        "bad_type": (400, "A valid plan type by that ID was not found", "type"),
        "bad_region": (400, "region is not valid", "region"),
        "bad_tag": (400, "Tag length must be 3-50 characters", "tags"),
        "no_sign_in": (
            *(400, "Must provide valid root_pass, authorized_keys, or"),
            "",
        ),
        "long_data": (
            400,
            f"decoded user_data must not exceed {MOST_USER_DATA} bytes",
            "metadata.user_data",
        ),
        "protected": (400, "This Linode has a lock that prevents its deletion.", ""),
    }

    def __init__(self) -> None:
        super().__init__()
        self.scopes = "*"
        self.room = [dict(each) for each in ROOM]
        self.profile = dict(PROFILE)
        self.may_add = True

    def refuse(self, why: str, request: Request) -> Response:
        status, reason, field = self.errors[why]
        error = {"reason": reason, **({"field": field} if field else {})}
        return Response(status, {"errors": [error]})

    def _answer(self, request: Request, handler: Handler | None) -> Response:
        answer = super()._answer(request, handler)
        known = request.account
        told = {"X-OAuth-Scopes": self.scopes if known else "unknown"}
        if known:
            number = sorted(set(self.tokens.values())).index(known) + 1
            told["X-Customer-UUID"] = f"ABCDEF01-3456-789A-BCDEF012345678{number:02}"
        return replace(answer, headers={**told, **answer.headers})

    @route("GET", "/profile")
    def get_profile(self, request: Request) -> Response:
        return Response(200, self.profile)

    @route("GET", "/profile/grants")
    def get_grants(self, request: Request) -> Response:
        if not self.profile["restricted"]:
            return Response(204)
        return Response(200, {"global": {"add_linodes": self.may_add}, "linode": []})

    @route("POST", "/linode/instances", role="create")
    def create(self, request: Request) -> Response:
        body = request.data
        if not isinstance(body, dict):
            return self.refuse("bad_type", request)
        if why := self._find_wrong(request, body):
            return self.refuse(why, request)
        for knob in ("no_capacity", "quota"):
            if self.take(knob):
                return self.refuse(knob, request)
        machine = self.add_machine(
            request,
            machine_id=str(self.next_number()),
            name=body["label"],
            tags=dict.fromkeys(body.get("tags", ()), ""),
        )
        shown = {**show_machine(machine, machine.effect), "status": "provisioning"}
        return Response(200, shown)

    def _find_wrong(self, request: Request, body: dict[str, Any]) -> str:
        """Return why a create call is refused, or ""."""
        data = base64.b64decode(body.get("metadata", {}).get("user_data", ""))
        mine = [m for m in self.machines.values() if m.account == request.account]
        live = [m for m in mine if m.phase(request.now) != "gone"]
        checks = {
            "bad_region": body["region"] not in SLUGS,
            "bad_type": body["type"] not in {each["id"] for each in PLANS},
            "bad_image": body["image"] not in {each["id"] for each in IMAGES},
            "bad_label": LABEL.fullmatch(body["label"]) is None,
            "taken": any(m.name.lower() == body["label"].lower() for m in live),
            "bad_tag": any(not 3 <= len(tag) <= 50 for tag in body.get("tags", ())),
            "no_sign_in": not body.get("root_pass"),
            "long_data": len(data) > MOST_USER_DATA,
        }
        return next((why for why, wrong in checks.items() if wrong), "")

    @route("GET", "/linode/instances", role="list")
    def list(self, request: Request) -> Response:
        machines = self.list_machines(request)
        return self.paged(
            request, [show_machine(each, request.now) for each in machines]
        )

    @route("GET", "/linode/instances/{linode_id}", role="get")
    def get(self, request: Request) -> Response:
        machine = self.find_machine(request, request.params["linode_id"])
        if machine is None:
            return self.refuse("missing", request)
        return Response(200, show_machine(machine, request.now))

    @route("DELETE", "/linode/instances/{linode_id}", role="destroy")
    def destroy(self, request: Request) -> Response:
        machine = self.find_machine(request, request.params["linode_id"])
        if machine is None:
            return self.refuse("missing", request)
        if machine.protected:
            return self.refuse("protected", request)
        self.end_machine(machine, request.now)
        return Response(200, {})

    @route("GET", "/volumes", role="leftovers")
    def list_volumes(self, request: Request) -> Response:
        left = self.left.get((request.account, "volumes"), {})
        return self.paged(request, [*left.values()])

    @route("DELETE", "/volumes/{volume_id}", role="delete_leftover")
    def delete_volume(self, request: Request) -> Response:
        left = self.left.get((request.account, "volumes"), {})
        if left.pop(request.params["volume_id"], None) is None:
            return self.refuse("missing", request)
        return Response(200, {})

    @route("GET", "/regions", role="regions")
    def list_regions(self, request: Request) -> Response:
        return self.paged(request, REGIONS)

    @route("GET", "/regions/availability")
    def list_room(self, request: Request) -> Response:
        return self.paged(request, self.room)

    @route("GET", "/linode/types", role="plans")
    def list_plans(self, request: Request) -> Response:
        return self.paged(request, PLANS)

    @route("GET", "/linode/types/{plan}", role="plan")
    def get_plan(self, request: Request) -> Response:
        return self._get(request, PLANS, request.params["plan"])

    @route("GET", "/images", role="images")
    def list_images(self, request: Request) -> Response:
        seen = self.scopes == "*" or "images:" in self.scopes
        return self.paged(request, [i for i in IMAGES if seen or i["is_public"]])

    @route("GET", "/images/{image_id}")
    def get_image(self, request: Request) -> Response:
        return self._get(request, IMAGES, request.params["image_id"])

    @route("GET", "/networking/firewalls/{firewall_id}", role="firewall")
    def get_firewall(self, request: Request) -> Response:
        return self._get(request, [{"id": FIREWALL}], request.params["firewall_id"])

    @route("GET", "/placement/groups/{group_id}")
    def get_group(self, request: Request) -> Response:
        return self._get(request, [GROUP], request.params["group_id"])

    @route("GET", "/vpcs")
    def list_vpcs(self, request: Request) -> Response:
        return self.paged(request, [VPC])

    def _get(self, request: Request, entries: Any, wanted: str) -> Response:
        for each in entries:
            if str(each["id"]) == wanted:
                return Response(200, each)
        return self.refuse("missing", request)

    def plant_leftover(
        self, kind: str, tags: dict[str, str], *, account: str = "one"
    ) -> str:
        """Have a volume lie about, and return its id."""
        number = self.next_number()
        self.left.setdefault((account, kind), {})[str(number)] = {
            "created": CREATED,
            "encryption": "disabled",
            "filesystem_path": f"/dev/disk/by-id/scsi-0Linode_Volume_left-{number}",
            "hardware_type": "nvme",
            "id": number,
            "label": f"left-{number}",
            "linode_id": None,
            "linode_label": None,
            "region": SLUGS[0],
            "size": 10,
            "status": "active",
            "tags": [*tags],
            "updated": CREATED,
        }
        return str(number)

    def paged(self, request: Request, entries: Any) -> Response:
        """Return one page of those entries of a list that the filter lets through."""
        try:
            wanted = json.loads(request.headers.get("x-filter", "{}"))
            found = [each for each in entries if keeps(wanted, each)]
        except (KeyError, ValueError) as error:
            reason = f"Cannot filter on {error.args[0]}"
            body = {"errors": [{"reason": reason, "field": "X-Filter"}]}
            return Response(400, body)
        size = min(int(request.ask("page_size", "100")), self.page or PAGE)
        page, pages = int(request.ask("page", "1")), -(-len(found) // size)
        if page > max(pages, 1):
            return self.refuse("missing", request)
        shown = found[(page - 1) * size : page * size]
        told = {"page": page if found else 0, "pages": pages, "results": len(found)}
        return Response(200, {"data": shown, **told})
