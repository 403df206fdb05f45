"""The body of a create call: one Droplet with its tags and options in one request.

Source: the DigitalOcean API reference, "Create a New Droplet" and "Tags".
"""

import re
from collections.abc import Mapping
from typing import Any, Final

from servers.clouds.base import About, CreateSpec
from servers.clouds.capabilities import Capabilities, TagRules
from servers.clouds.digitalocean.errors import NAME
from servers.clouds.digitalocean.options import OPTIONS, check_options
from servers.clouds.fitting import refuse_content, refuse_options
from servers.clouds.flat_tags import build_tags
from servers.outgoing.errors import RefusedError

_KEY: Final = re.compile(r"[1-9][0-9]{0,17}|[0-9a-f]{2}(?::[0-9a-f]{2}){15}")
_GPU: Final = re.compile(r"gpu-", re.IGNORECASE)
_NUMBER: Final = re.compile("[1-9][0-9]{0,17}")

CAPABILITIES: Final = Capabilities(
    tags=TagRules(
        own=1,  # the fleet
        # Together at most the 255 characters of a tag.
        name="[A-Za-z0-9_-]{1,100}",
        value="[A-Za-z0-9:_-]{0,150}",
        tagging=frozenset({"address"}),
    ),
    user_data_bytes=64 * 1024,
    quota_per=frozenset(),  # the Droplets of the account, whatever they are
    finds_by_key=True,
    catalogue=True,
    image_owners="self|digitalocean",
    image_owners_like="self or digitalocean",
)


def is_gpu(size: str) -> bool:
    """Tell whether a size has GPUs."""
    return _GPU.match(size) is not None


def build_body(
    spec: CreateSpec, options: Mapping[str, Any], *, region: str
) -> dict[str, Any]:
    """Return the body of a create call. Raise RefusedError if it can't be built.

    ``options`` are the account's, overridden by the template's.
    """
    _refuse_wrong(spec, options)
    body: dict[str, Any] = {
        "name": spec.key,
        "region": region,
        "size": spec.size,
        "image": _read_number(spec.image),
        "tags": build_tags(spec, options),
    }
    if spec.user_data:
        body["user_data"] = spec.user_data
    if spec.ssh_key:
        body["ssh_keys"] = [_read_number(spec.ssh_key)]
    if vpc := options.get("vpc"):
        body["vpc_uuid"] = str(vpc)
    for flag in ("public_networking", "ipv6", "monitoring"):
        if isinstance(options.get(flag), bool):
            body[flag] = options[flag]
    return body


def _read_number(text: str) -> str | int:
    """Return an id as a number; a slug or a fingerprint as it is."""
    return int(text) if _NUMBER.fullmatch(text) else text


def _refuse_wrong(spec: CreateSpec, options: Mapping[str, Any]) -> None:
    """Raise RefusedError for what the cloud would refuse, or would not do."""
    if spec.spot:
        raise RefusedError(f"{NAME} has no spot instances.")
    if is_gpu(spec.size):
        # The API leaves them out of its lists by tag, so they would count as gone.
        raise RefusedError(
            f"{NAME} does not list Droplets with GPUs by their tags, so ServerFleet "
            "creates none. Choose a size without a GPU.",
            about=About.SIZE,
        )
    if spec.ssh_key and not _KEY.fullmatch(spec.ssh_key):
        raise RefusedError(
            f"{NAME} takes an SSH key by its id or its MD5 fingerprint, not by its "
            f"name. Enter one of them instead of {spec.ssh_key[:60]!r}.",
            about=About.KEY,
        )
    refuse_options(options, OPTIONS, check_options)
    refuse_content(spec, CAPABILITIES)
