"""Volumes and addresses that outlive their server.

Block volumes stay when their server is terminated, all volumes when it is deleted, and
flexible addresses in both cases. None inherits the server's tags, so the root volume
gets tags of its own: before the server is switched on, and before one that never was
is deleted. A volume that somebody attached by hand is never tagged.

Source: the vendor's SDK (server_action), and recorded answers.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from servers.clouds.base import FLEET_TAG, CloudLeftover
from servers.clouds.scaleway.api import Api, need_uuid
from servers.clouds.scaleway.convert import show_address, show_volume
from servers.clouds.scaleway.launch import tag_beside, write_tags
from servers.clouds.scaleway.options import BLOCK
from servers.outgoing import reading
from servers.outgoing.errors import CredentialsError, MissingError

_Show = Callable[[Mapping[str, Any], str], CloudLeftover | None]
_ROOT: Final = "0"  # a server's root volume, among its volumes


def tag_root_volume(
    api: Api, server: Mapping[str, Any], *, fleet: str, key: str
) -> None:
    """Tag a server's root volume, by which it is found once the server is gone."""
    volume = reading.fields(server, "volumes", _ROOT)
    volume_id = reading.text(volume, "id")
    if not volume_id or not fleet:
        return
    is_block = reading.text(volume, "volume_type") == BLOCK
    path = (api.block if is_block else api.instance)("volumes", need_uuid(volume_id))
    try:
        api.ask("PATCH", path, data={"tags": tag_beside(fleet, key)})
    except MissingError:
        return  # nothing is left to be found
    except CredentialsError:
        # Block Storage says so of a volume that is gone, too.
        if is_block and not has_block_volume(api, volume_id):
            return
        raise


def list_leftovers(api: Api, fleet: str) -> Iterator[CloudLeftover]:
    """Yield what servers of a fleet left behind in this zone."""
    tag = write_tags({FLEET_TAG: fleet})[0]
    block = {"project_id": api.project, "tags": tag}
    other = {"project": api.project, "tags": tag}
    looks: tuple[tuple[str, str, str, dict[str, str], _Show], ...] = (
        ("block", api.block("volumes"), "volumes", block, show_volume),
        ("local", api.instance("volumes"), "volumes", other, show_volume),
        ("address", api.instance("ips"), "ips", other, show_address),
    )
    for kind, path, name, query, show in looks:
        for each in api.entries(path, name, query):
            left = show(each, kind)
            if left is not None and left.fleet == fleet:
                yield left


def delete_leftover(api: Api, resource_id: str) -> None:
    """Delete a volume or an address, unless it is gone already."""
    kind, _, name = resource_id.partition("-")
    if kind not in {"block", "local", "address"}:
        return
    try:
        path = {
            "block": api.block("volumes", need_uuid(name)),
            "local": api.instance("volumes", need_uuid(name)),
            "address": api.instance("ips", need_uuid(name)),
        }[kind]
        api.ask("DELETE", path)
    except MissingError:
        return
    except CredentialsError:
        if kind == "block" and not has_block_volume(api, name):
            return
        raise


def has_block_volume(api: Api, volume_id: str) -> bool:
    """Tell whether a volume is among the project's: answers about one are ambiguous."""
    query = {"project_id": api.project}
    return any(
        reading.text(each, "id") == volume_id
        and reading.text(each, "status") != "deleted"
        for each in api.entries(api.block("volumes"), "volumes", query)
    )
