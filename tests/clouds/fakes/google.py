"""A fake of Compute Engine's API, as its description and the recorded answers have it.

Invented, since nothing tells it: the answers to a name that is taken (409), to an image
that is missing (404), to forbidden calls and to throttled ones, the addresses, and how
long anything takes. The token endpoint and the test of permissions are other services.
"""

import re
from dataclasses import replace
from typing import Any, ClassVar

from tests.clouds.fakes import google_token
from tests.clouds.fakes.base import Fake
from tests.clouds.fakes.faults import NO_REQUEST
from tests.clouds.fakes.google_lists import GoogleLists
from tests.clouds.fakes.google_offers import IMAGES, TYPES, ZONES
from tests.clouds.fakes.google_show import show_instance, show_left, show_operation
from tests.clouds.fakes.machines import Machine
from tests.clouds.fakes.wire import Request, Response, route

PROJECT = "/compute/v1/projects/{project}"
IN_ZONE = f"{PROJECT}/zones/{{zone}}"
ZONE = "europe-west1-b"
STOCKOUT = {
    "code": "ZONE_RESOURCE_POOL_EXHAUSTED",
    "message": "The zone 'projects/acme/zones/europe-west1-b' does not have enough "
    "resources available to fulfill the request.  Try a different zone, or try again "
    "later.",
}


class FakeGoogle(GoogleLists, Fake):
    """One API with a project for each token: project-one, project-two."""

    cloud = "google"
    invents: ClassVar[frozenset[str]] = frozenset({"POST :testIamPermissions"})
    errors: ClassVar[dict[str, tuple[int, str, str]]] = {
        "unauthorized": (401, "authError", "Invalid Credentials"),
        "expired": (401, "authError", "Invalid Credentials"),
        "forbidden": (
            403,
            "forbidden",
            "Required 'compute.instances.create' permission for 'projects/project-one'",
        ),
        "throttled": (403, "rateLimitExceeded", "Rate Limit Exceeded"),
        "failing": (503, "backendError", "Backend Error"),
        "quota": (403, "quotaExceeded", "Quota 'CPUS' exceeded.  Limit: 24.0"),
        "taken": (409, "alreadyExists", "The resource already exists"),
        "invalid": (400, "invalid", "Invalid value for field"),
        "protected": (
            400,
            "invalidResourceUsage",
            "Invalid resource usage: 'It is protected against deletion.'",
        ),
    }

    def __init__(self) -> None:
        super().__init__()
        self.placing = 0.0  # seconds until an insert has its resources, or fails
        self.denied: set[str] = set()  # permissions that nobody has
        self.operations: list[dict[str, Any]] = []

    def refuse(self, why: str, request: Request) -> Response:
        if why in {"missing", "bad_image", "no_capacity"}:
            path = request.path.removeprefix("/compute/v1/")
            return self.say(404, "notFound", f"The resource '{path}' was not found")
        return self.say(*self.errors[why])

    def say(self, status: int, reason: str, message: str) -> Response:
        each = {"domain": "global", "reason": reason, "message": message}
        error = {"code": status, "message": message, "errors": [each]}
        return Response(status, {"error": error})

    @route("POST", "/token", role="token")
    def exchange(self, request: Request) -> Response:
        return google_token.exchange(
            request, audience=f"{self.url}/token", known=self.tokens
        )

    @route("POST", "/v1/projects/{project}:testIamPermissions", role="rights")
    def test_rights(self, request: Request) -> Response:
        asked = request.data["permissions"]
        denied = set(self.denied)
        if "create" in self.forbidden.get(self.read_token(request), ()):
            denied.add("compute.instances.create")
        granted = [right for right in asked if right not in denied]
        return Response(200, {"permissions": granted} if granted else {})

    @route("POST", f"{IN_ZONE}/instances", role="create")
    def create(self, request: Request) -> Response:
        body, zone = request.data, request.params["zone"]
        request_id = request.ask("requestId")
        for each in self.operations:
            if each["request_id"] == request_id and each["account"] == request.account:
                return Response(200, show_operation(each, request.now))
        if wrong := self._find_wrong(request):
            return wrong
        if self.take("quota"):
            return self.refuse("quota", request)
        fails = self.take("no_capacity")
        machine = self.add_machine(
            request,
            machine_id=f"{zone}/{body['name']}",
            name=body["name"],
            tags=body.get("labels", {}),
            extra={"zone": zone, "number": self.next_number()},
        )
        placed = machine.effect + self.placing
        machine.extra["placed"] = placed
        if fails:
            machine.gone = placed
        operation = self.add_operation(
            machine,
            "insert",
            asked=request.now,
            done=placed,
            request_id=request_id,
            errors=[STOCKOUT] if fails else [],
        )
        # The answer is from before the effect.
        return Response(200, show_operation({**operation, "done": 1e18}, request.now))

    def _find_wrong(self, request: Request) -> Response | None:
        body, zone = request.data, request.params["zone"]
        if not isinstance(body, dict) or zone not in ZONES:
            return self.refuse("invalid", request)
        known = self.machines.get(f"{zone}/{body.get('name')}")
        if known is not None and known.phase(request.now) != "gone":
            return self.refuse("taken", request)
        params = body["disks"][0]["initializeParams"]
        if self.find_image(request, params["sourceImage"]) is None:
            path = params["sourceImage"]
            return self.say(404, "notFound", f"The resource '{path}' was not found")
        if body["machineType"].rpartition("/")[2] not in TYPES:
            return self.refuse("invalid", request)
        items = body.get("metadata", {}).get("items", [])
        if any(len(each["value"].encode()) > 256 * 1024 for each in items):
            return self.refuse("invalid", request)
        return None

    def find_image(self, request: Request, path: str) -> dict[str, Any] | None:
        found = re.fullmatch(
            r"(?:projects/([^/]+)/)?global/images/(family/)?([^/]+)", path
        )
        if found is None:
            return None
        owner = found[1] or "own"
        field = "family" if found[2] else "name"
        images = IMAGES.get("own" if owner == self.project(request) else owner, [])
        fitting = [each for each in images if each[field] == found[3]]
        return fitting[-1] if fitting else None

    @route("GET", f"{IN_ZONE}/instances/{{name}}", role="get")
    def get(self, request: Request) -> Response:
        machine = self._find(request)
        if machine is None:
            return self.refuse("missing", request)
        shown = show_instance(machine, self.project(request), request.now)
        return Response(200, shown)

    @route("DELETE", f"{IN_ZONE}/instances/{{name}}", role="destroy")
    def destroy(self, request: Request) -> Response:
        machine = self._find(request)
        if machine is None:
            return self.refuse("missing", request)
        if machine.protected:
            return self.refuse("protected", request)
        self.end_machine(machine, request.now)
        operation = self.add_operation(
            machine, "delete", asked=request.now, done=machine.gone or request.now
        )
        return Response(200, show_operation(operation, request.now))

    def _find(self, request: Request) -> Machine | None:
        zone, name = request.params["zone"], request.params["name"]
        return self.find_machine(request, f"{zone}/{name}")

    def project(self, request: Request) -> str:
        """Return the project of whoever asks."""
        return f"project-{request.account}"

    def plant(
        self, name: str, tags: Any, *, account: str = "one", **more: Any
    ) -> Machine:
        """Have an instance run that nobody created by a call."""
        request = replace(NO_REQUEST, account=account, now=self.now - 3600)
        with self.lock:
            return self.add_machine(
                request,
                machine_id=f"{ZONE}/{name}",
                name=name,
                tags=tags,
                extra={"zone": ZONE, "number": self.next_number()},
                **more,
            )

    def take_back(self, machine: Machine, *, lasts: float = 30.0) -> None:
        """Take a spot instance back: it stops, and is deleted after a while."""
        now = self.now
        machine.destroyed, machine.gone = now, now + lasts
        self.add_operation(machine, "compute.instances.preempted", asked=now, done=now)

    def add_operation(
        self,
        machine: Machine,
        kind: str,
        *,
        asked: float,
        done: float,
        request_id: str = "",
        errors: Any = (),
    ) -> dict[str, Any]:
        operation = {
            "account": machine.account,
            "project": f"project-{machine.account}",
            "number": self.next_number(),
            "type": kind,
            "kind": "instances",
            "zone": machine.extra["zone"],
            "target": machine.name,
            "target_id": machine.extra["number"],
            "asked": asked,
            "done": done,
            "request_id": request_id,
            "errors": list(errors),
            "status": 503,
        }
        self.operations.append(operation)
        return operation

    def plant_leftover(
        self, kind: str, tags: dict[str, str], *, account: str = "one"
    ) -> str:
        """Have a disk or an address lie about, and return its id."""
        number = self.next_number()
        place = ZONE if kind == "disks" else "europe-west1"
        entry = show_left(kind, number, tags, f"project-{account}", place)
        short = "disk" if kind == "disks" else "address"
        left_id = f"{short}/{place}/{entry['name']}"
        self.left.setdefault((account, kind), {})[left_id] = entry
        return left_id
