"""The body of a create call: one instance with its tags and options in one request.

Tags are flat: a label is the tag ``name:value``. What an instance starts from is named
by one of several parameters, so a template writes its kind before the id: ``os:2284``.
Source: the Vultr API reference, "Create Instance".
"""

import base64
import re
from collections.abc import Mapping
from typing import Any, Final

from servers.clouds.base import NAME_TAG, About, CreateSpec
from servers.clouds.capabilities import Capabilities, TagRules
from servers.clouds.fitting import refuse_content, refuse_options
from servers.clouds.flat_tags import make_tag
from servers.clouds.vultr.errors import NAME
from servers.clouds.vultr.options import OPTIONS, UUID, check_options
from servers.outgoing.errors import RefusedError
from servers.outgoing.fields import read_several

# The kind of an image: its parameter, and the form of its ids.
IMAGES: Final = {
    "os": ("os_id", "[1-9][0-9]{0,8}"),
    "app": ("app_id", "[1-9][0-9]{0,8}"),
    "image": ("image_id", "[A-Za-z0-9][A-Za-z0-9._-]{0,99}"),
    "snapshot": ("snapshot_id", UUID),
}
_NUMBERED: Final = frozenset({"os_id", "app_id"})

CAPABILITIES: Final = Capabilities(
    tags=TagRules(
        own=4,  # fleet, server, key and name
        # No rule is documented. These are what others are known to use.
        name="[A-Za-z0-9._-]{1,63}",
        value="[A-Za-z0-9:._/-]{0,128}",
        tagging=frozenset({"address"}),
    ),
    # Vultr documents no limit. This one is ServerFleet's own: most clouds take no more.
    user_data_bytes=64 * 1024,
    user_data_in_base64=True,
    # The account's instances and its monthly fee: a cheaper plan may still be had.
    quota_per=frozenset({"size"}),
    finds_by_key=True,
    catalogue=True,
    lists_all_images=True,
    image_owners="self",
    image_owners_like="self",
)


def read_image(image: str) -> tuple[str, str]:
    """Return the parameter and the id of an image, or ("", "") if it names none."""
    kind, _, image_id = image.partition(":")
    parameter, form = IMAGES.get(kind, ("", ""))
    if not parameter or not re.fullmatch(form, image_id):
        return "", ""
    return parameter, image_id


def build_body(
    spec: CreateSpec, options: Mapping[str, Any], *, region: str
) -> dict[str, Any]:
    """Return the body of a create call. Raise RefusedError if it can't be built.

    ``options`` are the account's, overridden by the template's.
    """
    _refuse_wrong(spec, options)
    parameter, image_id = read_image(spec.image)
    body: dict[str, Any] = {
        "region": region,
        "plan": spec.size,
        parameter: int(image_id) if parameter in _NUMBERED else image_id,
        "label": spec.key,
        "hostname": spec.name,
        "tags": list(dict.fromkeys(_build_tags(spec, options))),
        # They cost a fifth more, and nobody restores a build server.
        "backups": "disabled",
        "activation_email": False,
    }
    if spec.user_data:
        body["user_data"] = encode_user_data(spec.user_data)
    if spec.ssh_key:
        body["sshkey_id"] = [spec.ssh_key]
    if vpcs := read_several(options.get("vpcs")):
        body["attach_vpc"] = vpcs
    if group := options.get("firewall_group"):
        body["firewall_group_id"] = str(group)
    if options.get("ipv6"):
        body["enable_ipv6"] = True
        if options.get("public_ipv4") is False:
            body["disable_public_ipv4"] = True
    return body


def encode_user_data(text: str) -> str:
    """Return user data as the create call takes it."""
    return base64.b64encode(text.encode()).decode()


def _build_tags(spec: CreateSpec, options: Mapping[str, Any]) -> list[str]:
    own = {**spec.own_tags, NAME_TAG: spec.name}
    given = {**dict(sorted(spec.labels.items())), **own}
    tags = [make_tag(name, value) for name, value in given.items()]
    return tags + read_several(options.get("tags"))


def _refuse_wrong(spec: CreateSpec, options: Mapping[str, Any]) -> None:
    """Raise RefusedError for what the cloud would refuse, or would not do."""
    if spec.spot:
        raise RefusedError(f"{NAME} has no spot instances.")
    if not read_image(spec.image)[0]:
        raise RefusedError(
            f"{spec.image[:80]!r} names no image of {NAME}. Enter its kind and its id, "
            "such as os:2284, snapshot:…, app:… or image:….",
            about=About.IMAGE,
        )
    if spec.ssh_key and not re.fullmatch(UUID, spec.ssh_key):
        raise RefusedError(
            f"{NAME} takes an SSH key by its id, not by its name. Enter its id instead "
            f"of {spec.ssh_key[:60]!r}.",
            about=About.KEY,
        )
    refuse_options(options, OPTIONS, check_options)
    refuse_content(spec, CAPABILITIES)
