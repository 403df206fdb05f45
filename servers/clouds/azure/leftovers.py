"""Disks, interfaces and addresses that outlived their machine.

Azure deletes them with it, but after its answer, and it may fail. Each carries the
fleet's tag: the disk because it gets the machine's own, the others because the create
call says so, where the cloud's API takes that. Source: the descriptions of
Microsoft.Compute, 2025-04-01, and public issues on the tags of disks.
"""

from collections.abc import Iterator
from typing import Final

from servers.clouds.azure.api import COMPUTE, NETWORK, Api
from servers.clouds.azure.convert import is_in, show_leftover
from servers.clouds.base import CloudLeftover
from servers.outgoing.errors import MissingError

_LEFTOVERS: Final = {
    "disk": (COMPUTE, "disks"),
    "interface": (NETWORK, "networkInterfaces"),
    "address": (NETWORK, "publicIPAddresses"),
}


def list_leftovers(api: Api, fleet: str) -> Iterator[CloudLeftover]:
    """Yield what has a fleet's tag here, in the resource group, and is not used."""
    for kind, (provider, name) in _LEFTOVERS.items():
        for item in api.entries_of_group(api.in_group(provider, name)):
            left = show_leftover(item, kind, api.group)
            if left is not None and left.fleet == fleet and is_in(item, api.location):
                yield left


def delete_leftover(api: Api, resource_id: str) -> None:
    """Delete a disk, an interface or an address, unless it is gone already."""
    kind, _, rest = resource_id.partition("/")
    group, _, name = rest.partition("/")
    if kind not in _LEFTOVERS or not group or not name:
        return
    provider, kinds = _LEFTOVERS[kind]
    try:
        api.ask("DELETE", api.in_group(provider, kinds, name, group=group))
    except MissingError:
        return
