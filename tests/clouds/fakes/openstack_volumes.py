"""Cinder, for the fake of OpenStack: the volumes that servers boot from."""

from typing import Any

from tests.clouds.fakes.machines import Machine
from tests.clouds.fakes.openstack_offers import CREATED
from tests.clouds.fakes.openstack_pages import Pages
from tests.clouds.fakes.wire import Request, Response, route

VOLUMES = "volumes"


class Volumes(Pages):
    """The calls of Cinder, over the instances of the fake."""

    def __init__(self) -> None:
        super().__init__()
        self.volume_delay = 0.0  # seconds until Nova shows a server's volume
        self.keeps_volumes = False  # Nova could not delete them with their servers

    def add_disk(self, machine: Machine, disk: dict[str, Any]) -> None:
        """Write down the volume that a server boots from, if it has one."""
        if not disk:
            return
        entry = {
            "id": f"00000000-0000-4000-b000-{machine.id[-12:]}",
            "name": "",
            "size": disk["volume_size"],
            "status": "in-use",
            "metadata": {},
            "created_at": CREATED,
            "machine": machine.id,
            "deleted_with_it": disk["delete_on_termination"],
        }
        self.left.setdefault((machine.account, VOLUMES), {})[entry["id"]] = entry

    def find_disks(self, machine: Machine, now: float) -> list[dict[str, Any]]:
        """Return the volumes that a server boots from, while Nova shows them."""
        shown = machine.phase(now) not in {"absent", "gone", "failed"}
        if not shown or now < machine.effect + self.volume_delay:
            return []
        return [
            each
            for each in self.left.get((machine.account, VOLUMES), {}).values()
            if each.get("machine") == machine.id
        ]

    def list_attached(self, machine: Machine, now: float) -> list[dict[str, Any]]:
        """Return a server's volumes as Nova shows them."""
        return [
            {"id": each["id"], "delete_on_termination": each["deleted_with_it"]}
            for each in self.find_disks(machine, now)
        ]

    def sweep_volumes(self, account: str, now: float) -> dict[str, Any]:
        """Delete the volumes of servers that are gone. Return those that are left."""
        entries: dict[str, Any] = self.left.get((account, VOLUMES), {})
        for each in list(entries.values()):
            owner = self.machines.get(each.get("machine", ""))
            ended = owner is not None and owner.phase(now) in {"gone", "failed"}
            if ended and each["deleted_with_it"] and not self.keeps_volumes:
                del entries[each["id"]]
        return entries

    @route("GET", "/volume/v3/{project}/volumes/detail", role="leftovers")
    def list_volumes(self, request: Request) -> Response:
        found = self.sweep_volumes(request.account, request.now).values()
        shown = [self.show_volume(each, request.now) for each in found]
        return self.paged(request, VOLUMES, shown, lambda each: each)

    @route("POST", "/volume/v3/{project}/volumes/{id}/metadata", role="tag")
    def set_metadata(self, request: Request) -> Response:
        found = self.sweep_volumes(request.account, request.now)
        entry = found.get(request.params["id"])
        if entry is None:
            return self.refuse("missing", request)
        entry["metadata"] |= request.data["metadata"]
        return Response(200, {"metadata": entry["metadata"]})

    @route("DELETE", "/volume/v3/{project}/volumes/{id}", role="delete_leftover")
    def delete_volume(self, request: Request) -> Response:
        found = self.sweep_volumes(request.account, request.now)
        if found.pop(request.params["id"], None) is None:
            return self.refuse("missing", request)
        return Response(202)

    def show_volume(self, entry: dict[str, Any], now: float) -> dict[str, Any]:
        """Return a volume as Cinder shows it."""
        owner = self.machines.get(entry.get("machine", ""))
        used = owner is not None and owner.phase(now) not in {"gone", "failed"}
        shown = {
            name: value
            for name, value in entry.items()
            if name not in {"machine", "deleted_with_it"}
        }
        if owner is not None:
            attachment = {
                "id": entry["id"],
                "volume_id": entry["id"],
                "attachment_id": entry["id"],
                "server_id": owner.id,
                "host_name": None,
                "device": "/dev/vda",
            }
            shown["attachments"] = [attachment] if used else []
            shown["status"] = "in-use" if used else "available"
        return shown


def disk_of(server: dict[str, Any]) -> dict[str, Any]:
    """Return the volume that a create call asks for, or {}."""
    disks: list[dict[str, Any]] = server.get("block_device_mapping_v2", [])
    return disks[0] if disks else {}
