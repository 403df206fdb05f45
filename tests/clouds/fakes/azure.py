"""A fake of Azure Resource Manager, as the descriptions and recorded answers have it.

Each token has a subscription, and all of them the resource group builders. As the real
one does, it writes the group's name in other letters in its lists.

Invented, since nothing tells it: the size of a page, the answers to an image that is
missing (404), to a lock (409) and to a name that is taken (412), the addresses, and how
long anything takes. Sign-in, permissions, subscriptions, networks and disks are other
services, which the description of Microsoft.Compute leaves out.
"""

from dataclasses import replace
from typing import Any, ClassVar
from urllib.parse import parse_qs

from tests.clouds.fakes.azure_lists import IN_GROUP, SUBSCRIPTION, AzureLists
from tests.clouds.fakes.azure_offers import LOCATION, SIZES, find_image
from tests.clouds.fakes.azure_show import (
    GROUP,
    SUBSCRIPTIONS,
    inner_tags,
    make_left,
    show_machine,
)
from tests.clouds.fakes.base import Fake
from tests.clouds.fakes.faults import NO_REQUEST
from tests.clouds.fakes.machines import Machine
from tests.clouds.fakes.wire import Request, Response, route

MACHINE = f"{IN_GROUP}/Microsoft.Compute/virtualMachines/{{name}}"
_COMMUNITY = (
    "GET /providers/Microsoft.Compute/locations/{name}/CommunityGalleries/{gallery}"
    "/Images/{image}"
)
ALLOCATION_FAILED = (
    "Allocation failed. We do not have sufficient capacity for the requested VM size "
    "in this region."
)


class FakeAzure(AzureLists, Fake):
    """One API for two subscriptions."""

    cloud = "azure"
    invents: ClassVar[frozenset[str]] = frozenset(
        {
            "$skiptoken",
            "GET /subscriptions/{id}",
            "GET /subscriptions/{id}/locations",
            "GET /providers/Microsoft.Authorization/permissions",
            "GET /providers/Microsoft.Network/networkInterfaces",
            "GET /providers/Microsoft.Network/networkInterfaces/{name}",
            "GET /providers/Microsoft.Network/publicIPAddresses",
            "GET /providers/Microsoft.Network/networkSecurityGroups/{name}",
            "GET /providers/Microsoft.Network/virtualNetworks/{name}/subnets/{name}",
            "GET /providers/Microsoft.Compute/disks",
            "GET /providers/Microsoft.Compute/galleries/{name}/images/{image}",
            _COMMUNITY,
            "DELETE /providers/Microsoft.Compute/disks/{name}",
            "DELETE /providers/Microsoft.Network/networkInterfaces/{name}",
            "DELETE /providers/Microsoft.Network/publicIPAddresses/{name}",
            # Only read, as the description has it, and yet sent by every client.
            *("customData", "vmSize"),
            # Of 2025-04-01, for what is created inside of a machine.
            "tags",
        }
    )
    errors: ClassVar[dict[str, tuple[int, str]]] = {
        "unauthorized": (401, "InvalidAuthenticationToken"),
        "expired": (401, "ExpiredAuthenticationToken"),
        "forbidden": (403, "AuthorizationFailed"),
        "throttled": (429, "TooManyRequests"),
        "failing": (500, "InternalServerError"),
        "missing": (404, "ResourceNotFound"),
        "no_group": (404, "ResourceGroupNotFound"),
        "no_subscription": (404, "SubscriptionNotFound"),
        "no_capacity": (409, "SkuNotAvailable"),
        "quota": (409, "OperationNotAllowed"),
        "bad_image": (404, "PlatformImageNotFound"),
        "taken": (412, "PreconditionFailed"),
        "invalid": (400, "InvalidParameter"),
        "protected": (409, "ScopeLocked"),
    }
    words: ClassVar[dict[str, str]] = {
        "unauthorized": "The access token is invalid.",
        "expired": "The access token expiry UTC time is earlier than current UTC time.",
        "forbidden": "The client 'builder' does not have authorization for the action.",
        "quota": "Operation could not be completed as it results in exceeding approved "
        "standardDSv5Family Cores quota. Current Limit: 10, Current Usage: 8.",
        "no_capacity": "The requested VM size for resource is currently not available.",
        "bad_image": "The platform image is not available.",
        "protected": "The scope cannot perform delete operation because it is locked.",
    }

    def __init__(self) -> None:
        super().__init__()
        self.placing = 0.0  # seconds until Azure has found a host, or has not
        self.keeps_parts = False  # what is inside of a machine outlives it
        self.early_capacity = False  # whether no capacity is told by the PUT itself

    def refuse(self, why: str, request: Request) -> Response:
        status, code = self.errors[why]
        return self.say(
            status, code, self.words.get(why, f"The answer is {code} here.")
        )

    def say(self, status: int, code: str, message: str) -> Response:
        return Response(status, {"error": {"code": code, "message": message}})

    @route("POST", "/{tenant}/oauth2/v2.0/token", role="token")
    def sign_in(self, request: Request) -> Response:
        form = {
            name: given[0] for name, given in parse_qs(request.body.decode()).items()
        }
        assert form["grant_type"] == "client_credentials"
        assert form["scope"] == "https://management.azure.com/.default"
        secret = form["client_secret"]
        if secret not in self.tokens:
            said = (
                "AADSTS7000215: Invalid client secret provided. Trace ID: "
                f"{self.next_number()} Correlation ID: 2 Timestamp: 2026-01-01"
            )
            refused = {"error": "invalid_client", "error_description": said}
            return Response(401, refused)
        answer = {"token_type": "Bearer", "expires_in": 3599, "access_token": secret}
        return Response(200, answer)

    def find_wrong(self, request: Request) -> Response | None:
        """Return why nothing is found under a path, or None."""
        own = SUBSCRIPTIONS.get(request.account, "")
        if request.params["subscription"].lower() != own:
            return self.refuse("no_subscription", request)
        if request.params.get("group", GROUP).lower() != GROUP:
            return self.refuse("no_group", request)
        return None

    @route("PUT", MACHINE, role="create")
    def create(self, request: Request) -> Response:
        if wrong := self.find_wrong(request) or self._find_invalid(request):
            return wrong
        name = request.params["name"]
        known = self._find(request)
        if known is not None:
            if request.headers.get("if-none-match") == "*":
                return self.refuse("taken", request)
            return Response(200, show_machine(known, request.now))
        if self.take("quota"):
            return self.refuse("quota", request)
        fails = self.take("no_capacity")
        if fails and self.early_capacity:
            return self.refuse("no_capacity", request)
        machine = self.add_machine(
            request,
            machine_id=f"{GROUP}/{name.lower()}",
            name=name,
            tags=request.data.get("tags", {}),
            extra={"number": self.next_number()},
        )
        placed = machine.effect + self.placing
        machine.extra["placed"] = placed
        if fails:
            machine.failed = placed
            machine.extra["code"] = "AllocationFailed"
            machine.fault = ALLOCATION_FAILED
        # The answer is from before the effect.
        shown = show_machine(machine, machine.effect - 1)
        return Response(201, shown, {"Azure-AsyncOperation": f"{self.url}/operations"})

    def _find_invalid(self, request: Request) -> Response | None:
        body = request.data
        if not isinstance(body, dict) or body.get("location") != LOCATION:
            return self.refuse("invalid", request)
        inside = body["properties"]
        if find_image(inside["storageProfile"]["imageReference"]) is None:
            return self.refuse("bad_image", request)
        if inside["hardwareProfile"]["vmSize"] not in SIZES:
            return self.refuse("invalid", request)
        names = [name.lower() for name in body.get("tags", {})]
        if len(names) > 50 or len(set(names)) < len(names):
            return self.refuse("invalid", request)
        return None

    @route("GET", MACHINE, role="get")
    def get(self, request: Request) -> Response:
        if wrong := self.find_wrong(request):
            return wrong
        machine = self._find(request)
        if machine is None:
            return self.refuse("missing", request)
        whole = request.ask("$expand") == "instanceView"
        return Response(200, show_machine(machine, request.now, whole=whole))

    @route("DELETE", MACHINE, role="destroy")
    def destroy(self, request: Request) -> Response:
        if wrong := self.find_wrong(request):
            return wrong
        machine = self._find(request)
        if machine is None:
            return Response(204)
        if machine.protected:
            return self.refuse("protected", request)
        self.end_machine(machine, request.now)
        if self.keeps_parts:
            self._leave_parts(machine)
        return Response(202)

    def _find(self, request: Request) -> Machine | None:
        name = request.params["name"].lower()
        return self.find_machine(request, f"{GROUP}/{name}")

    @route("GET", f"{SUBSCRIPTION}", role="identity")
    def get_subscription(self, request: Request) -> Response:
        if wrong := self.find_wrong(request):
            return wrong
        own = SUBSCRIPTIONS[request.account]
        return Response(
            200, {"id": f"/subscriptions/{own}", "subscriptionId": own.upper()}
        )

    def plant(
        self, name: str, tags: Any, *, account: str = "one", **more: Any
    ) -> Machine:
        """Have an instance run that nobody created by a call."""
        request = replace(NO_REQUEST, account=account, now=self.now - 3600)
        with self.lock:
            return self.add_machine(
                request,
                machine_id=f"{GROUP}/{name.lower()}",
                name=name,
                tags=tags,
                extra={"number": self.next_number()},
                **more,
            )

    def _leave_parts(self, machine: Machine) -> None:
        """Have all that was created inside of a machine outlive it."""
        for kind, end in (
            ("disks", ""),
            ("networkInterfaces", "-nic"),
            ("publicIPAddresses", "-ipv4"),
        ):
            tags, name = inner_tags(machine, kind), f"{machine.name}{end}"
            entry = make_left(kind, 1, tags, machine.account, name=name)
            self.left.setdefault((machine.account, kind), {})[name] = entry

    def take_back(self, machine: Machine, *, lasts: float = 30.0) -> None:
        """Evict a spot instance: it is deleted."""
        machine.destroyed, machine.gone = self.now, self.now + lasts

    def plant_leftover(
        self, kind: str, tags: dict[str, str], *, account: str = "one"
    ) -> str:
        """Have a disk, an interface or an address lie about, and return its id."""
        entry = make_left(kind, self.next_number(), tags, account)
        self.left.setdefault((account, kind), {})[entry["name"]] = entry
        short = {
            "disks": "disk",
            "networkInterfaces": "interface",
            "publicIPAddresses": "address",
        }[kind]
        return f"{short}/{GROUP}/{entry['name']}"
