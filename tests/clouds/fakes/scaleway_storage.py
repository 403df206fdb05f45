"""The volumes and addresses of the fake of Scaleway, in two APIs."""

from typing import Any

from tests.clouds.fakes.base import Fake
from tests.clouds.fakes.machines import Machine
from tests.clouds.fakes.scaleway_offers import CREATED, ORGANIZATION, PROJECTS, ZONE
from tests.clouds.fakes.wire import Request, Response, route

_ZONED = "/instance/v1/zones/{zone}"
_BLOCK = "/block/v1alpha1/zones/{zone}"


class ScalewayStorage(Fake):
    """Volumes and addresses, each with the id of its server or "".

    What is attached to a server follows from the server's times. A volume of Block
    Storage is not to be found at Instances, and the other way round.
    """

    def __init__(self) -> None:
        super().__init__()
        self.things: dict[str, dict[str, Any]] = {}  # volumes and addresses by id
        self.volumes_are_forbidden = False

    def make_uuid(self) -> str:
        return f"00000000-0000-4000-8000-{self.next_number():012x}"

    def add_thing(self, account: str, kind: str, **more: Any) -> dict[str, Any]:
        """Write a volume (sbs_volume, l_ssd) or an address (ip) down."""
        made = {
            "id": self.make_uuid(),
            "account": account,
            "kind": kind,
            "server": "",
            "tags": [],
            "size": 10_000_000_000,
            **more,
        }
        self.things[made["id"]] = made
        return made

    def holder_of(self, thing: dict[str, Any], now: float) -> Machine | None:
        """Return the server that has a volume or an address, if it is there still."""
        machine = self.machines.get(thing["server"])
        return None if machine is None or machine.phase(now) == "gone" else machine

    def release(self, machine: Machine, now: float, *, terminates: bool) -> None:
        """End a server. Its local volumes end with it only if it is terminated."""
        self.end_machine(machine, now)
        for thing in list(self.things.values()):
            if thing["server"] == machine.id:
                if terminates and thing["kind"] == "l_ssd":
                    del self.things[thing["id"]]
                if not terminates:
                    thing["server"] = ""

    # Block Storage.

    @route("GET", f"{_BLOCK}/volumes", role="leftovers")
    def list_block(self, request: Request) -> Response:
        if self.volumes_are_forbidden:
            return self.refuse("volumes", request)
        found = self.select(request, "sbs_volume", "project_id")
        return self.paged(
            request, "volumes", [self.show_block(t, request) for t in found]
        )

    @route("PATCH", f"{_BLOCK}/volumes/{{volume_id}}", role="tag")
    def tag_block(self, request: Request) -> Response:
        thing = self.find(request, "volume_id", "sbs_volume")
        if thing is None or self.volumes_are_forbidden:
            return self.refuse("volumes", request)
        thing["tags"] = list(request.data["tags"])
        return Response(200, self.show_block(thing, request))

    @route("DELETE", f"{_BLOCK}/volumes/{{volume_id}}", role="delete_leftover")
    def delete_block(self, request: Request) -> Response:
        # It answers 403 for what is gone, too.
        return self.delete(request, "volume_id", "sbs_volume", missing="volumes")

    # Instances.

    @route("GET", f"{_ZONED}/volumes", role="leftovers")
    def list_local(self, request: Request) -> Response:
        found = self.select(request, "l_ssd", "project")
        return self.paged(
            request, "volumes", [self.show_local(t, request) for t in found]
        )

    @route("PATCH", f"{_ZONED}/volumes/{{volume_id}}", role="tag")
    def tag_local(self, request: Request) -> Response:
        thing = self.find(request, "volume_id", "l_ssd")
        if thing is None:
            return self.refuse("no_volume", request)
        thing["tags"] = list(request.data["tags"])
        return Response(200, {"volume": self.show_local(thing, request)})

    @route("DELETE", f"{_ZONED}/volumes/{{volume_id}}", role="delete_leftover")
    def delete_local(self, request: Request) -> Response:
        return self.delete(request, "volume_id", "l_ssd", missing="no_volume")

    @route("GET", f"{_ZONED}/ips", role="leftovers")
    def list_addresses(self, request: Request) -> Response:
        found = self.select(request, "ip", "project")
        return self.paged(request, "ips", [self.show_ip(t, request) for t in found])

    @route("POST", f"{_ZONED}/ips", role="address")
    def add_address(self, request: Request) -> Response:
        body = request.data
        if self.find_machine(request, body["server"]) is None:
            return self.refuse("missing", request)
        made = self.add_thing(
            request.account, "ip", server=body["server"], tags=list(body["tags"])
        )
        return Response(201, {"ip": self.show_ip(made, request)})

    @route("DELETE", f"{_ZONED}/ips/{{ip}}", role="delete_leftover")
    def delete_address(self, request: Request) -> Response:
        return self.delete(request, "ip", "ip", missing="no_ip")

    def select(self, request: Request, kind: str, project: str) -> list[dict[str, Any]]:
        """Return the things of a kind that a list has, by project and exact tags."""
        wanted = set(filter(None, request.ask("tags").split(",")))
        own = PROJECTS.get(request.account, "")
        if request.ask(project, own) != own:
            return []
        return [
            thing
            for thing in self.things.values()
            if thing["account"] == request.account
            and thing["kind"] == kind
            and wanted <= set(thing["tags"])
        ]

    def find(self, request: Request, name: str, kind: str) -> dict[str, Any] | None:
        thing = self.things.get(request.params[name])
        if (
            thing is None
            or thing["account"] != request.account
            or thing["kind"] != kind
        ):
            return None
        return thing

    def delete(
        self, request: Request, name: str, kind: str, *, missing: str
    ) -> Response:
        thing = self.find(request, name, kind)
        if thing is None:
            return self.refuse(missing, request)
        if self.holder_of(thing, request.now) is not None:
            return self.refuse("in_use", request)
        del self.things[thing["id"]]
        return Response(204)

    def show_block(self, thing: dict[str, Any], request: Request) -> dict[str, Any]:
        holder = self.holder_of(thing, request.now)
        reference = {
            "id": thing["id"].replace("8000", "8001"),
            "product_resource_type": "instance_server",
            "product_resource_id": holder.id if holder else "",
            "created_at": CREATED,
            "type": "exclusive",
            "status": "attached",
        }
        return {
            "id": thing["id"],
            "name": "Ubuntu 24.04 Noble Numbat",
            "type": "sbs_5k",
            "size": thing["size"],
            "project_id": PROJECTS.get(thing["account"], ""),
            "created_at": CREATED,
            "updated_at": CREATED,
            "references": [reference] if holder else [],
            "parent_snapshot_id": None,
            "status": "in_use" if holder else "available",
            "tags": thing["tags"],
            "specs": {"perf_iops": 5000, "class": "sbs"},
            "last_detached_at": None,
            "zone": ZONE,
        }

    def show_local(self, thing: dict[str, Any], request: Request) -> dict[str, Any]:
        return {
            "id": thing["id"],
            "name": "Ubuntu 24.04 Noble Numbat",
            "volume_type": thing["kind"],
            "organization": ORGANIZATION,
            "project": PROJECTS.get(thing["account"], ""),
            "server": self.summarise(self.holder_of(thing, request.now)),
            "size": thing["size"],
            "state": "available",
            "creation_date": CREATED,
            "modification_date": CREATED,
            "tags": thing["tags"],
            "zone": ZONE,
        }

    def show_ip(self, thing: dict[str, Any], request: Request) -> dict[str, Any]:
        holder = self.holder_of(thing, request.now)
        return {
            "id": thing["id"],
            "address": f"2001:db8:{int(thing['id'][-6:], 16):x}::",
            "prefix": f"2001:db8:{int(thing['id'][-6:], 16):x}::/64",
            "reverse": None,
            "server": self.summarise(holder),
            "organization": ORGANIZATION,
            "project": PROJECTS.get(thing["account"], ""),
            "zone": ZONE,
            "type": "routed_ipv6",
            "state": "attached" if holder else "detached",
            "tags": thing["tags"],
            "ipam_id": thing["id"].replace("8000", "8002"),
        }

    def summarise(self, machine: Machine | None) -> dict[str, str] | None:
        return None if machine is None else {"id": machine.id, "name": machine.name}

    def paged(self, request: Request, name: str, entries: Any) -> Response:
        """Return one page of a list, or of an object."""
        inside = request.path.startswith("/instance/")
        given = request.ask("per_page" if inside else "page_size", "50")
        size = min(int(given), self.page or 100, 100)
        page = int(request.ask("page", "1"))
        start, total = (page - 1) * size, len(entries)
        last = -(-total // size)
        shown: Any
        if isinstance(entries, dict):
            shown = dict(list(entries.items())[start : start + size])
        else:
            shown = entries[start : start + size]
        if not inside:
            return Response(200, {name: shown, "total_count": total})
        where = request.path.partition(f"/zones/{request.params['zone']}")[2]
        links = [f'<{where}?page={last}&per_page={size}&>; rel="last"']
        if page < last:
            links.insert(0, f'<{where}?page={page + 1}&per_page={size}&>; rel="next"')
        headers = {"X-Total-Count": str(total), "Link": ",".join(links)}
        return Response(200, {name: shown}, headers)
