"""The body of a create call: one server, its labels and its options in one request.

Source: the Hetzner Cloud API reference, "Create a Server" and "Labels".
"""

from collections.abc import Mapping
from typing import Any, Final

from servers.clouds.base import NAME_TAG, CreateSpec
from servers.clouds.capabilities import Capabilities, TagRules
from servers.clouds.fitting import refuse_content, refuse_options
from servers.clouds.hetznercloud.options import OPTIONS, check_options, read_ids
from servers.outgoing.errors import RefusedError

# A part of a label's name, or its value.
_PART: Final = r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,61}[A-Za-z0-9])?"
VALUE: Final = f"(?:{_PART})?"

CAPABILITIES: Final = Capabilities(
    tags=TagRules(
        own=4,  # fleet, server, key and name
        name=rf"(?:[a-z0-9](?:[a-z0-9.-]{{0,251}}[a-z0-9])?/)?{_PART}",
        value=VALUE,
        tagging=frozenset({"address"}),
        prefixes=("hetzner.cloud/",),
    ),
    user_data_bytes=32 * 1024,
    # A project's servers and its dedicated cores are counted in all locations together.
    quota_per=frozenset({"size"}),
    finds_by_key=True,
    catalogue=True,
    lists_all_images=True,
    lists_all_sizes=True,
)


def build_body(
    spec: CreateSpec, options: Mapping[str, Any], *, location: str
) -> dict[str, Any]:
    """Return the body of a create call. Raise RefusedError if it can't be built.

    ``options`` are the account's, overridden by the template's.
    """
    _refuse_wrong(spec, options)
    labels = {**spec.tags, NAME_TAG: spec.name}
    body: dict[str, Any] = {
        "name": spec.key,
        "server_type": spec.size,
        "image": spec.image,
        "location": location,
        "labels": labels,
        "start_after_create": True,
        "public_net": {
            "enable_ipv4": bool(options.get("public_ipv4", True)),
            "enable_ipv6": bool(options.get("public_ipv6", True)),
        },
    }
    if spec.user_data:
        body["user_data"] = spec.user_data
    if spec.ssh_key:
        body["ssh_keys"] = [spec.ssh_key]
    if networks := read_ids(options.get("networks")):
        body["networks"] = networks
    if firewalls := read_ids(options.get("firewalls")):
        body["firewalls"] = [{"firewall": each} for each in firewalls]
    if group := options.get("placement_group"):
        body["placement_group"] = int(group)
    return body


def _refuse_wrong(spec: CreateSpec, options: Mapping[str, Any]) -> None:
    """Raise RefusedError for what the cloud would refuse, or would not do."""
    if spec.spot:
        raise RefusedError("Hetzner Cloud has no spot instances.")
    refuse_options(options, OPTIONS, check_options)
    refuse_content(spec, CAPABILITIES)
