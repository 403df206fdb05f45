"""The body of a create call: one Linode with its tags and options in one request.

Source: the Linode API reference, "Create a Linode" and "Create a tag". That user data
has at most 16,384 bytes, its refusals say; the reference names other numbers.
"""

import base64
import re
from collections.abc import Mapping
from typing import Any, Final

from servers.clouds.base import About, CreateSpec
from servers.clouds.capabilities import Capabilities, TagRules
from servers.clouds.fitting import refuse_content, refuse_options
from servers.clouds.flat_tags import build_tags
from servers.clouds.linode.errors import NAME
from servers.clouds.linode.options import OPTIONS, check_options
from servers.lifecycle.keys import parse_key
from servers.outgoing.errors import RefusedError

# A label can't hold two hyphens in a row, but a fleet's id can. Each that follows
# another is written as a letter that no key has.
_HYPHEN: Final = "X"
_PUBLIC_KEY: Final = re.compile(
    r"(?:ssh-|ecdsa-|sk-)[a-z0-9@.-]+ [A-Za-z0-9+/=]{40,}(?: [ -~]*)?"
)
_USER: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{1,63}")

CAPABILITIES: Final = Capabilities(
    tags=TagRules(
        own=1,  # the fleet
        # Nothing but their length is told.
        name="[A-Za-z0-9_.-]+",
        value="[A-Za-z0-9:_.-]*",
        flat=".{3,50}",
        tagging=frozenset({"address"}),
    ),
    user_data_bytes=16_384,
    user_data_in_base64=True,
    user_data_gzip=True,
    # Of all regions together. Large plans have limits of their own.
    quota_per=frozenset({"size"}),
    finds_by_key=True,
    catalogue=True,
    lists_all_images=True,
    lists_all_sizes=True,
    image_owners="self|linode",
    image_owners_like="self or linode",
)


def make_label(key: str) -> str:
    """Return the label of a key, or the start of it."""
    return re.sub("(?<=-)-", _HYPHEN, key)


def read_label(label: str) -> str:
    """Return the key in a label, or "" if it is not one of ours."""
    key = label.replace(_HYPHEN, "-")
    return key if parse_key(key) is not None and make_label(key) == label else ""


def build_body(
    spec: CreateSpec, options: Mapping[str, Any], *, region: str, root_pass: str
) -> dict[str, Any]:
    """Return the body of a create call. Raise RefusedError if it can't be built.

    ``options`` are the account's, overridden by the template's. ``root_pass`` is the
    password of root, which the API requires and nobody needs.
    """
    user_data = CAPABILITIES.pack_user_data(spec.user_data, compresses=spec.compresses)
    _refuse_wrong(spec, options, user_data)
    body: dict[str, Any] = {
        "label": make_label(spec.key),
        "region": region,
        "type": spec.size,
        "image": spec.image,
        "root_pass": root_pass,
        "booted": True,
        "tags": build_tags(spec, options),
    }
    if user_data:
        body["metadata"] = {"user_data": base64.b64encode(user_data).decode()}
    if _PUBLIC_KEY.fullmatch(spec.ssh_key.strip()):
        body["authorized_keys"] = [spec.ssh_key.strip()]
    elif spec.ssh_key:
        body["authorized_users"] = [spec.ssh_key]
    if firewall := options.get("firewall"):
        body["firewall_id"] = int(firewall)
    if subnet := options.get("subnet"):
        body["interfaces"] = [
            {
                "purpose": "vpc",
                "primary": True,
                "subnet_id": int(subnet),
                "ipv4": {"nat_1_1": "any"},
            }
        ]
    if options.get("private_ip"):
        body["private_ip"] = True
    if group := options.get("placement_group"):
        body["placement_group"] = {"id": int(group)}
    return body


def _refuse_wrong(
    spec: CreateSpec, options: Mapping[str, Any], user_data: bytes
) -> None:
    """Raise RefusedError for what the cloud would refuse, or would not do."""
    if spec.spot:
        raise RefusedError(f"{NAME} has no spot instances.")
    key = spec.ssh_key
    if key and not (_PUBLIC_KEY.fullmatch(key.strip()) or _USER.fullmatch(key)):
        raise RefusedError(
            f"{NAME} takes an SSH key by the name of the user that has it, or as the "
            f"whole public key. Enter one of them instead of {key[:60]!r}.",
            about=About.KEY,
        )
    refuse_options(options, OPTIONS, check_options)
    refuse_content(spec, CAPABILITIES, user_data=user_data)
