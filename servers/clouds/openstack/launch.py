"""The body of a create call: one server, its tags and its options in one request.

Source: the Compute API reference, "Create server", and its microversions: tags from
2.52, the type of a volume from 2.67.
"""

import base64
import re
from collections.abc import Mapping
from typing import Any, Final

from servers.clouds.base import ADDRESS_TAG, FLEET_TAG, CreateSpec
from servers.clouds.capabilities import Capabilities, TagRules
from servers.clouds.fitting import refuse_options
from servers.clouds.openstack.options import ACCOUNT_OPTIONS, OPTIONS, check_options
from servers.clouds.openstack.session import USUAL_VERSION
from servers.outgoing.errors import RefusedError
from servers.outgoing.fields import read_several

FLOATING: Final = "floating"
# Nova takes 65,535 characters of base64.
_MOST_USER_DATA: Final = 65535 // 4 * 3
_MOST_TAG: Final = 60
_DISK_TYPE_VERSION: Final = "2.67"
KEY: Final = re.compile(r"[a-z][a-z0-9-]{0,62}")

CAPABILITIES: Final = Capabilities(
    tags=TagRules(
        most=128,  # the usual quota; a project can have less
        own=3,  # fleet, server and key
        name="[a-zA-Z0-9_:. -]{1,255}",
        value=r"[^\x00]{0,255}",
        tagging=frozenset({"address", "floating_network"}),
    ),
    user_data_bytes=_MOST_USER_DATA,
    user_data_in_base64=True,
    user_data_gzip=True,
    finds_by_key=True,
    catalogue=True,
    image_owners="self|public|[0-9a-f]{32}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}",
    image_owners_like="self, public or a project's id",
)


def tag_fleet(fleet: str) -> str:
    """Return the tag by which Nova finds a fleet's servers."""
    return f"{FLEET_TAG}:{fleet}"


def tag_key(key: str) -> str:
    """Return the tag by which Nova finds a key's servers.

    A tag has 60 characters, and a key up to 63. Its end has all that makes it unique.
    """
    return key[-_MOST_TAG:]


def merge_options(
    account: Mapping[str, Any], placement: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the options of one create call."""
    return {**account, **placement}


def needs_floating(options: Mapping[str, Any]) -> bool:
    """Tell whether a server gets a floating address after its create call."""
    return bool(options.get("floating_network"))


def build_body(
    spec: CreateSpec, options: Mapping[str, Any]
) -> tuple[dict[str, Any], str]:
    """Return the body of a create call, and the microversion that it needs.

    ``options`` are the account's, overridden by the template's. The flavor is left out:
    ``Flavors`` knows its id. Raises RefusedError if the body can't be built.
    """
    refuse_options(options, (*ACCOUNT_OPTIONS, *OPTIONS), check_options)
    if spec.spot:
        raise RefusedError("OpenStack has no spot instances.")
    if wrong := CAPABILITIES.tags.check(spec.labels, options):
        raise RefusedError(wrong)
    user_data = CAPABILITIES.pack_user_data(spec.user_data, compresses=spec.compresses)
    if wrong := CAPABILITIES.check_user_data(len(user_data)):
        raise RefusedError(wrong)
    server: dict[str, Any] = {
        "name": spec.name,
        "metadata": _build_metadata(spec, options),
        "tags": [tag_fleet(spec.fleet), tag_key(spec.key)],
        "networks": _build_networks(options),
        **_build_rest(options),
    }
    if user_data:
        server["user_data"] = base64.b64encode(user_data).decode()
    if spec.ssh_key:
        server["key_name"] = spec.ssh_key
    version = USUAL_VERSION
    if options.get("disk_gib"):
        server["block_device_mapping_v2"] = [_build_disk(spec.image, options)]
        if options.get("disk_type"):
            version = _DISK_TYPE_VERSION
    else:
        server["imageRef"] = spec.image
    body: dict[str, Any] = {"server": server}
    if group := options.get("server_group"):
        body["os:scheduler_hints"] = {"group": str(group)}
    return body, version


def _build_rest(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is left to the cloud if no option says otherwise."""
    rest: dict[str, Any] = {}
    if groups := read_several(options.get("security_groups")):
        rest["security_groups"] = [{"name": each} for each in groups]
    if zone := options.get("zone"):
        rest["availability_zone"] = str(zone)
    if options.get("config_drive") is not None:
        rest["config_drive"] = bool(options["config_drive"])
    return rest


def _build_metadata(spec: CreateSpec, options: Mapping[str, Any]) -> dict[str, str]:
    metadata = spec.tags
    if needs_floating(options):
        # Only this address is the server's; until it is there, it has none.
        metadata[ADDRESS_TAG] = FLOATING
    return metadata


def _build_networks(options: Mapping[str, Any]) -> Any:
    networks = read_several(options.get("networks"))
    return [{"uuid": each} for each in networks] if networks else "auto"


def _build_disk(image: str, options: Mapping[str, Any]) -> dict[str, Any]:
    disk: dict[str, Any] = {
        "boot_index": 0,
        "source_type": "image",
        "destination_type": "volume",
        "uuid": image,
        "volume_size": int(options["disk_gib"]),
        "delete_on_termination": True,
    }
    if kind := options.get("disk_type"):
        disk["volume_type"] = str(kind)
    return disk
