"""Destroy a server: terminate one that is on, delete one that is off.

Scaleway accepts each for such servers only. Source: the allowed actions in recorded
answers.
"""

from collections.abc import Mapping
from typing import Any

from servers.clouds.base import FLEET_TAG, KEY_TAG
from servers.clouds.scaleway.api import Api
from servers.clouds.scaleway.convert import is_terminating
from servers.clouds.scaleway.finishing import fetch_server
from servers.clouds.scaleway.launch import read_tags
from servers.clouds.scaleway.leftovers import tag_root_volume
from servers.outgoing import reading
from servers.outgoing.errors import RefusedError


def end_server(api: Api, server_id: str) -> None:
    """Destroy a server. Its dynamic address goes with it."""
    server = fetch_server(api, server_id)
    if is_terminating(server):
        return
    if reading.truth(server, "protected"):
        raise RefusedError(
            "The server is protected. Switch its protection off in the Scaleway "
            "console."
        )
    if not _is_off(server):
        path = api.server(server_id, "action")
        api.ask("POST", path, data={"action": "terminate"})
        return
    tags = read_tags(reading.texts(server, "tags"))
    # It may never have been finished, and its volumes stay.
    tag_root_volume(
        api, server, fleet=tags.get(FLEET_TAG, ""), key=tags.get(KEY_TAG, "")
    )
    api.ask("DELETE", api.server(server_id))


def _is_off(server: Mapping[str, Any]) -> bool:
    actions = reading.texts(server, "allowed_actions")
    return reading.text(server, "state") == "stopped" and "terminate" not in actions
