"""The body of a create call: one server that is off, its root volume and its tags.

Tags are texts at Scaleway, so each is ``name=value``. Source: CreateServerRequest of
the vendor's SDK; its documentation, "User data and cloud-init".
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from servers.clouds.base import FLEET_TAG, KEY_TAG, About, CreateSpec
from servers.clouds.capabilities import Capabilities, TagRules
from servers.clouds.fitting import refuse_content, refuse_options
from servers.clouds.scaleway.options import BLOCK, OPTIONS, check_options
from servers.outgoing.errors import RefusedError

GB: Final = 1_000_000_000

CAPABILITIES: Final = Capabilities(
    tags=TagRules(
        own=3,  # fleet, server and key
        # Nothing tells which characters a tag can have. A filter splits at commas, and
        # a tag at its first equals sign.
        name=r"[!-+\--<>-~][ -+\--<>-~]{0,62}",
        value=r"[ -+\--~]{0,255}",
        tagging=frozenset({"address"}),
    ),
    # 127 kB, as the documentation says.
    user_data_bytes=127_000,
    finds_by_key=True,
    catalogue=True,
    lists_all_sizes=True,
    image_owners="project",
    image_owners_like="project",
)


def build_body(
    spec: CreateSpec, options: Mapping[str, Any], *, project: str
) -> dict[str, Any]:
    """Return the body of a create call. Raise RefusedError if it can't be built.

    ``options`` are the account's, overridden by the template's.
    """
    _refuse_wrong(spec, options)
    body: dict[str, Any] = {
        "name": spec.name,
        "commercial_type": spec.size,
        "image": spec.image,
        "project": project,
        "tags": write_tags(spec.tags),
        # A dynamic address goes with its server. It has none while it is off.
        "dynamic_ip_required": bool(options.get("public_ipv4", True)),
    }
    if size := options.get("disk_gb"):
        kind = str(options.get("disk_type") or BLOCK)
        body["volumes"] = {"0": {"size": int(size) * GB, "volume_type": kind}}
    for name in ("security_group", "placement_group"):
        if options.get(name):
            body[name] = str(options[name])
    return body


def write_tags(tags: Mapping[str, str]) -> list[str]:
    """Return tags as Scaleway has them."""
    return [f"{name}={value}" for name, value in tags.items()]


def read_tags(given: Iterable[str]) -> dict[str, str]:
    """Return Scaleway's tags by name. Texts without an equals sign are others'."""
    found = (each.partition("=") for each in given)
    return {name: value for name, sign, value in found if sign}


def tag_beside(fleet: str, key: str) -> list[str]:
    """Return the tags of what is created beside a server."""
    return write_tags({FLEET_TAG: fleet, KEY_TAG: key})


def _refuse_wrong(spec: CreateSpec, options: Mapping[str, Any]) -> None:
    """Raise RefusedError for what the cloud would refuse, or would not do."""
    if spec.spot:
        raise RefusedError("Scaleway has no spot instances.")
    if spec.ssh_key:
        raise RefusedError(
            "Scaleway puts all SSH keys of the project on each instance, and none can "
            "be chosen. Leave the template's SSH key empty.",
            about=About.KEY,
        )
    refuse_options(options, OPTIONS, check_options)
    refuse_content(spec, CAPABILITIES, about=About.TAGS)
