"""Neutron, for the fake of OpenStack: ports, floating addresses, networks."""

from typing import Any

from tests.clouds.fakes.base import Fake
from tests.clouds.fakes.machines import Machine
from tests.clouds.fakes.openstack_offers import (
    CREATED,
    EXTERNAL_ID,
    GROUPS,
    NETWORK_ID,
    NETWORKS,
    SUBNET_ID,
)
from tests.clouds.fakes.wire import Request, Response, route

FLOATING = "floatingips"


class Networking(Fake):
    """The calls of Neutron, over the instances of the fake."""

    def __init__(self) -> None:
        super().__init__()
        self.port_delay = 0.0  # seconds until Nova has created a server's port
        self.no_floating = ""  # the type of Neutron's next error, such as OverQuota

    def refuse_network(self, status: int, kind: str, message: str) -> Response:
        """Return an error as Neutron words it."""
        inner = {"type": kind, "message": message, "detail": ""}
        return Response(status, {"NeutronError": inner})

    @route("GET", "/network/v2.0/ports", role="ports")
    def list_ports(self, request: Request) -> Response:
        ports = [
            self.show_port(machine)
            for machine in self.machines.values()
            if machine.account == request.account
            and self.has_port(machine, request.now)
        ]
        ports += self.left.get((request.account, "ports"), {}).values()
        for name in ("device_id", "id"):
            if wanted := request.ask(name):
                ports = [each for each in ports if each[name] == wanted]
        return Response(200, {"ports": ports})

    @route("GET", "/network/v2.0/floatingips", role="leftovers")
    def list_floating(self, request: Request) -> Response:
        entries = [
            self.show_floating(each, request.now)
            for each in self.left.get((request.account, FLOATING), {}).values()
        ]
        if wanted := request.ask("port_id"):
            entries = [each for each in entries if each["port_id"] == wanted]
        return Response(200, {FLOATING: entries})

    @route("POST", "/network/v2.0/floatingips", role="floating")
    def create_floating(self, request: Request) -> Response:
        body = request.data["floatingip"]
        network, port = body["floating_network_id"], body["port_id"]
        if kind := self.no_floating:
            self.no_floating = ""
            return self.refuse_network(409, kind, "Quota exceeded: ['floatingip'].")
        if network != EXTERNAL_ID:
            said = f"Network {network} could not be found."
            return self.refuse_network(404, "NetworkNotFound", said)
        owner = next(
            (
                machine
                for machine in self.machines.values()
                if machine.account == request.account
                and self.has_port(machine, request.now)
                and port_of(machine) == port
            ),
            None,
        )
        if owner is None:
            said = f"Port {port} could not be found."
            return self.refuse_network(404, "PortNotFound", said)
        entries = self.left.setdefault((request.account, FLOATING), {})
        if any(each["machine"] == owner.id for each in entries.values()):
            said = "Cannot associate floating IP: that fixed IP already has one."
            return self.refuse_network(409, "FloatingIPPortAlreadyAssociated", said)
        entry = self.add_floating(request.account, body["description"], owner.id)
        return Response(201, {"floatingip": self.show_floating(entry, request.now)})

    @route("DELETE", "/network/v2.0/floatingips/{id}", role="delete_leftover")
    def delete_floating(self, request: Request) -> Response:
        return self.delete_network(request, FLOATING, "FloatingIPNotFound")

    @route("DELETE", "/network/v2.0/ports/{id}", role="delete_leftover")
    def delete_port(self, request: Request) -> Response:
        return self.delete_network(request, "ports", "PortNotFound")

    @route("GET", "/network/v2.0/networks")
    def list_networks(self, _request: Request) -> Response:
        return Response(200, {"networks": NETWORKS})

    @route("GET", "/network/v2.0/security-groups")
    def list_groups(self, _request: Request) -> Response:
        return Response(200, {"security_groups": GROUPS})

    def delete_network(self, request: Request, kind: str, missing: str) -> Response:
        entries = self.left.get((request.account, kind), {})
        if entries.pop(request.params["id"], None) is None:
            return self.refuse_network(404, missing, "It could not be found.")
        return Response(204)

    def has_port(self, machine: Machine, now: float) -> bool:
        """Tell whether Nova has created a server's port, and not deleted it."""
        return (
            machine.phase(now) not in {"absent", "gone", "failed"}
            and now >= machine.effect + self.port_delay
        )

    def show_port(self, machine: Machine) -> dict[str, Any]:
        """Return the port of a server."""
        return make_port(
            port_of(machine),
            device=machine.id,
            address=machine.address or "10.0.9.9",
            description="",
        )

    def add_floating(
        self, account: str, description: str, machine: str
    ) -> dict[str, Any]:
        """Write a floating address down."""
        number = self.next_number()
        entry = {
            "id": f"00000000-0000-4000-a000-{number:012x}",
            "ip": f"203.0.113.{number % 250 + 1}",
            "description": description,
            "machine": machine,
        }
        self.left.setdefault((account, FLOATING), {})[entry["id"]] = entry
        return entry

    def show_floating(self, entry: dict[str, Any], now: float) -> dict[str, Any]:
        """Return a floating address; it outlives its server's port."""
        owner = self.machines.get(entry["machine"])
        there = owner is not None and self.has_port(owner, now)
        return {
            "id": entry["id"],
            "tenant_id": "43910d2854ca55144f32471f74f14c40",
            "floating_ip_address": entry["ip"],
            "floating_network_id": EXTERNAL_ID,
            "router_id": None,
            "port_id": port_of(owner) if owner is not None and there else None,
            "fixed_ip_address": owner.address if owner is not None and there else None,
            "status": "ACTIVE" if there else "DOWN",
            "description": entry["description"],
            "tags": [],
            "created_at": CREATED,
        }

    def show_addresses(self, machine: Machine, now: float) -> dict[str, Any]:
        """Return a server's addresses. One that is built shows none."""
        if machine.phase(now) not in {"running", "ending"}:
            return {}
        fixed = machine.address or "10.0.9.9"
        listed = [{"version": 4, "addr": fixed, "OS-EXT-IPS:type": "fixed"}]
        listed += [
            {"version": 4, "addr": each["ip"], "OS-EXT-IPS:type": "floating"}
            for each in self.left.get((machine.account, FLOATING), {}).values()
            if each["machine"] == machine.id
        ]
        return {"builders": listed}


def port_of(machine: Machine) -> str:
    """Return the id of a server's port."""
    return f"00000000-0000-4000-9000-{machine.id[-12:]}"


def make_port(
    port_id: str, *, device: str, address: str, description: str
) -> dict[str, Any]:
    """Return a port as Neutron shows it."""
    return {
        "id": port_id,
        "name": "",
        "network_id": NETWORK_ID,
        "tenant_id": "43910d2854ca55144f32471f74f14c40",
        "mac_address": "fa:16:3e:72:24:1b",
        "admin_state_up": True,
        "status": "ACTIVE" if device else "DOWN",
        "device_id": device,
        "device_owner": "compute:nova" if device else "",
        "fixed_ips": [{"subnet_id": SUBNET_ID, "ip_address": address}],
        "security_groups": [],
        "description": description,
        "tags": [],
    }
