"""A floating address for a server, after its create call.

Nova creates a server's port while it builds the server. Then one request creates the
address and associates it with the port, so that it never exists without its server by
itself. Neutron refuses a second address of the same network for the same fixed address,
and undoes that request as a whole: so any number of callers, one after the other or at
once, come to one address.

Source: the Networking API reference, "Floating IPs"; neutron/db/l3_db.py.
"""

from collections.abc import Mapping
from typing import Any

from servers.clouds.base import CreateSpec, Meaning, NoCapacityError
from servers.clouds.openstack.convert import describe, show_instance
from servers.clouds.openstack.errors import NAME, AlreadyAssociatedError
from servers.clouds.openstack.session import Session
from servers.outgoing import reading
from servers.outgoing.errors import MissingError, RefusedError, UnknownOutcomeError
from servers.outgoing.fields import read_several


def give_address(
    session: Session, server: str, spec: CreateSpec, options: Mapping[str, Any]
) -> str:
    """Give a server a floating address, if it has none. Return the address.

    Raises MissingError as long as the server has no port, RefusedError if its
    network has no way to the external one, or if Nova could not build it, and
    NoCapacityError if it fits nowhere.
    """
    port, fixed = _find_port(session, server, options)
    network = str(options["floating_network"])
    body = {
        "floating_network_id": network,
        "port_id": port,
        # Neutron insists on it if the port has several. It also makes the same request
        # of the same call, so that a repeat is noticed.
        "fixed_ip_address": fixed,
        "description": describe(spec.fleet, spec.key),
    }
    try:
        reply = session.ask(
            "network", "POST", "/floatingips", data={"floatingip": body}
        )
    except AlreadyAssociatedError:
        return _find_address(session, port, network)
    except MissingError as error:
        if not _has_port(session, port):
            raise
        raise RefusedError(error.message) from None  # the network, or a way to it
    return reading.text(reply.data, "floatingip", "floating_ip_address")


def _find_port(
    session: Session, server: str, options: Mapping[str, Any]
) -> tuple[str, str]:
    """Return a server's port and its IPv4 address: of several, always the same ones."""
    found = [
        (reading.text(each, "network_id"), reading.text(each, "id"), address)
        for each in session.entries("network", "/ports", "ports", {"device_id": server})
        if reading.text(each, "device_id") == server
        for address in _list_ipv4(each)
    ]
    wanted = read_several(options.get("networks"))
    found.sort(
        key=lambda each: (wanted.index(each[0]) if each[0] in wanted else 99, each)
    )
    if not found:
        _check_failed(session, server)
        raise MissingError(
            f"{NAME} shows no port with an IPv4 address of the instance {server} yet. "
            "Its floating address needs one."
        )
    _, port, address = found[0]
    return port, address


def _check_failed(session: Session, server: str) -> None:
    """Raise RefusedError if a server without a port will never have one."""
    reply = session.ask("compute", "GET", f"/servers/{server}")
    check_built(reply.need_object("server"))


def check_built(item: Mapping[str, Any]) -> None:
    """Raise RefusedError or NoCapacityError if Nova could not build a server."""
    shown = show_instance(item, "")
    if shown.meaning is not Meaning.FAILED:
        return
    why = shown.fault or "It gives no reason."
    meaning = NoCapacityError if shown.no_capacity else RefusedError
    raise meaning(f"{NAME} could not build the instance: {why}")


def _list_ipv4(port: Mapping[str, Any]) -> list[str]:
    addresses = (
        reading.text(each, "ip_address") for each in reading.objects(port, "fixed_ips")
    )
    return sorted(each for each in addresses if each and ":" not in each)


def _has_port(session: Session, port: str) -> bool:
    found = session.entries("network", "/ports", "ports", {"id": port})
    return any(reading.text(each, "id") == port for each in found)


def _find_address(session: Session, port: str, network: str) -> str:
    for each in session.entries(
        "network", "/floatingips", "floatingips", {"port_id": port}
    ):
        if (
            reading.text(each, "port_id") == port
            and reading.text(each, "floating_network_id") == network
        ):
            return reading.text(each, "floating_ip_address")
    raise UnknownOutcomeError(f"{NAME} shows no floating address of the port {port}.")
