"""What a server needs after its create call, which leaves it switched off.

Each step can be repeated, and asks Scaleway what is done. The order matters: the server
is switched on last, so one that is on has all the rest. Source: recorded answers.
"""

from collections.abc import Mapping
from typing import Any, Final

from servers.clouds.base import CreateSpec, NoCapacityError, QuotaError
from servers.clouds.scaleway.api import Api
from servers.clouds.scaleway.convert import STARTED, STATES
from servers.clouds.scaleway.errors import NAME
from servers.clouds.scaleway.launch import tag_beside
from servers.clouds.scaleway.leftovers import tag_root_volume
from servers.outgoing import reading
from servers.outgoing.errors import (
    CredentialsError,
    MissingError,
    RefusedError,
    UnknownOutcomeError,
)

IPV6: Final = "routed_ipv6"


def finish_server(
    api: Api, server_id: str, spec: CreateSpec, options: Mapping[str, Any]
) -> dict[str, Any]:
    """Do what is missing until a server is on. Return the server as it is then."""
    server = fetch_server(api, server_id)
    if is_started(server):
        return server
    tag_root_volume(api, server, fleet=spec.fleet, key=spec.key)
    if network := options.get("private_network"):
        _attach_network(api, server, str(network))
    if options.get("public_ipv6"):
        _attach_address(api, server_id, spec)
    if spec.user_data:
        api.ask(
            "PATCH",
            api.server(server_id, "user_data", "cloud-init"),
            body=spec.user_data.encode(),
            headers={"Content-Type": "text/plain"},
            hide=(spec.user_data,),
        )
    return _switch_on(api, server)


def fetch_server(api: Api, server_id: str) -> dict[str, Any]:
    """Return a server as the API shows it."""
    server = api.ask("GET", api.server(server_id)).need_object("server")
    if reading.text(server, "id") != server_id:
        raise UnknownOutcomeError(f"{NAME} answered with another server.")
    return server


def is_started(server: Mapping[str, Any]) -> bool:
    """Tell whether a server starts or runs."""
    return STATES.get(reading.text(server, "state")) in STARTED


def _switch_on(api: Api, server: dict[str, Any]) -> dict[str, Any]:
    server_id = reading.text(server, "id")
    try:
        api.ask("POST", api.server(server_id, "action"), data={"action": "poweron"})
    except (CredentialsError, QuotaError, NoCapacityError):
        raise
    except RefusedError:
        # Another process may have been faster.
        now = fetch_server(api, server_id)
        if is_started(now):
            return now
        raise
    return {**server, "state": "starting"}


def _attach_network(api: Api, server: Mapping[str, Any], network: str) -> None:
    """Attach a server to a private network, if it is not yet."""
    server_id = reading.text(server, "id")
    if any(
        reading.text(each, "private_network_id") == network
        for each in reading.objects(server, "private_nics")
    ):
        return
    try:
        api.ask(
            "POST",
            api.server(server_id, "private_nics"),
            data={"private_network_id": network},
        )
    except MissingError as error:
        fetch_server(api, server_id)  # it is there, so the network is not
        raise RefusedError(
            f"{error.message} {NAME} has no private network {network} in this region."
        ) from None


def _attach_address(api: Api, server_id: str, spec: CreateSpec) -> None:
    """Give a server a flexible IPv6 address, if it has none with its key.

    Two processes at once may create two. Both are tagged, so both are found once the
    server is gone.
    """
    tags = tag_beside(spec.fleet, spec.key)
    query = {"project": api.project, "tags": ",".join(tags)}
    for each in api.entries(api.instance("ips"), "ips", query):
        if reading.text(each, "server", "id") == server_id:
            return
    body = {"type": IPV6, "server": server_id, "project": api.project, "tags": tags}
    api.ask("POST", api.instance("ips"), data=body)
