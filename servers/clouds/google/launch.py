"""The body of an insert: one instance, its labels, metadata and options.

Source: the Compute Engine API's discovery document (Instance), and the documentation on
labels ("Requirements for labels") and metadata ("Set custom metadata").
"""

import hashlib
import re
import uuid
from collections.abc import Mapping
from typing import Any, Final

from servers.clouds.base import NAME_TAG, CreateSpec
from servers.clouds.capabilities import Capabilities, TagRules
from servers.clouds.fitting import refuse_content, refuse_options
from servers.clouds.google.options import OPTIONS, PROJECT, check_options
from servers.outgoing.errors import RefusedError
from servers.outgoing.fields import read_several

VALUE: Final = "[a-z0-9_-]{0,63}"

CAPABILITIES: Final = Capabilities(
    tags=TagRules(
        most=64,
        own=4,  # fleet, server, key and name
        name="[a-z][a-z0-9_-]{0,62}",
        value=VALUE,
        tagging=frozenset({"address"}),
        prefixes=("goog-",),
    ),
    user_data_bytes=256 * 1024,
    idempotency_token=True,
    finds_by_key=True,
    catalogue=True,
    image_owners=PROJECT,
    image_owners_like="ubuntu-os-cloud",
    spot=True,
)
_SCOPES: Final = "https://www.googleapis.com/auth/"
_STACKS: Final = {"ipv4": "IPV4_ONLY", "dual": "IPV4_IPV6", "ipv6": "IPV6_ONLY"}
_NAME: Final = "[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?"
_IMAGE: Final = re.compile(
    rf"(?:(?:https://[a-z.]+/compute/[a-z0-9]+/)?projects/(?P<project>{PROJECT})/)?"
    rf"(?:global/images/)?(?P<family>family/)?(?P<name>{_NAME})"
)
_SSH_KEY: Final = re.compile(
    r"[a-z_][a-z0-9_-]{0,31}:[a-z0-9@.-]{3,60} [A-Za-z0-9+/=]+.*"
)


def read_request_id(token: str) -> str:
    """Return an attempt's idempotency token as the UUID that the API takes."""
    return str(uuid.UUID(bytes=hashlib.sha256(token.encode()).digest()[:16], version=4))


def name_image(image: str) -> str:
    """Return an image's path, as an insert takes it. Raise RefusedError.

    People write the path or its end: ``projects/debian-cloud/global/images/family/
    debian-12``, ``family/builders`` or ``builders-1`` of their own project.
    """
    found = _IMAGE.fullmatch(image.strip())
    if found is None:
        raise RefusedError(
            f"{image[:200]!r} is not an image. Use a path such as "
            "projects/debian-cloud/global/images/family/debian-12, or the name of an "
            "image of your project."
        )
    owner = f"projects/{found['project']}/" if found["project"] else ""
    return f"{owner}global/images/{found['family'] or ''}{found['name']}"


def build_body(
    spec: CreateSpec, options: Mapping[str, Any], *, zone: str
) -> dict[str, Any]:
    """Return the body of an insert. Raise RefusedError if it can't be built.

    ``options`` are the account's, overridden by the template's.
    """
    check_spec(spec, options)
    labels = {**spec.tags, NAME_TAG: spec.name}
    region = zone.rpartition("-")[0]
    body: dict[str, Any] = {
        "name": spec.key,
        "description": f"Server {spec.name} of ServerFleet.",
        "machineType": f"zones/{zone}/machineTypes/{spec.size}",
        "labels": labels,
        "disks": [_build_disk(spec, options, labels=labels, zone=zone)],
        "networkInterfaces": [_build_interface(options, region=region)],
        "metadata": {"items": _build_metadata(spec, options)},
    }
    if tags := read_several(options.get("network_tags")):
        body["tags"] = {"items": tags}
    if account := options.get("service_account"):
        scopes = read_several(options.get("scopes")) or ["cloud-platform"]
        full = [s if s.startswith("https:") else f"{_SCOPES}{s}" for s in scopes]
        body["serviceAccounts"] = [{"email": str(account), "scopes": full}]
    if reservation := str(options.get("reservation") or ""):
        body["reservationAffinity"] = _build_reservation(reservation)
    if options.get("nested_virtualization"):
        body["advancedMachineFeatures"] = {"enableNestedVirtualization": True}
    if options.get("secure_boot") is not None:
        enabled = bool(options["secure_boot"])
        body["shieldedInstanceConfig"] = {"enableSecureBoot": enabled}
    if spec.spot:
        body["scheduling"] = {
            "provisioningModel": "SPOT",
            # It ends for good: one that only stops would be billed for its disk.
            "instanceTerminationAction": "DELETE",
            "onHostMaintenance": "TERMINATE",
            "automaticRestart": False,
        }
    return body


def check_spec(spec: CreateSpec, options: Mapping[str, Any]) -> None:
    """Raise RefusedError if no insert can be built."""
    refuse_options(options, OPTIONS, check_options)
    refuse_content(spec, CAPABILITIES)
    name_image(spec.image)
    if not re.fullmatch("[a-z][a-z0-9-]{0,62}", spec.size):
        raise RefusedError(f"{spec.size[:80]!r} is not a size. Use e2-standard-4.")
    if spec.ssh_key and not _SSH_KEY.fullmatch(spec.ssh_key.strip()):
        raise RefusedError(
            "Google keeps no SSH keys by name. Enter the user and the public key as "
            "the SSH key, such as ubuntu:ssh-ed25519 AAAAC3…, or use the template's "
            "list of SSH keys."
        )


def _build_disk(
    spec: CreateSpec,
    options: Mapping[str, Any],
    *,
    labels: Mapping[str, str],
    zone: str,
) -> dict[str, Any]:
    params: dict[str, Any] = {
        "sourceImage": name_image(spec.image),
        "labels": dict(labels),
    }
    if kind := options.get("disk_type"):
        params["diskType"] = f"zones/{zone}/diskTypes/{kind}"
    for name, parameter in (
        ("disk_gib", "diskSizeGb"),
        ("disk_iops", "provisionedIops"),
        ("disk_throughput", "provisionedThroughput"),
    ):
        if value := options.get(name):
            params[parameter] = str(int(value))
    disk = {"boot": True, "autoDelete": True, "initializeParams": params}
    if key := options.get("disk_kms_key"):
        disk["diskEncryptionKey"] = {"kmsKeyName": str(key)}
    return disk


def _build_interface(options: Mapping[str, Any], *, region: str) -> dict[str, Any]:
    stack = str(options.get("ip_stack") or "ipv4")
    interface: dict[str, Any] = {}
    network = str(options.get("network") or "")
    subnet = str(options.get("subnet") or "")
    if network or not subnet:
        interface["network"] = name_network(network or "default")
    if subnet:
        interface["subnetwork"] = name_subnet(subnet, region)
    if stack != "ipv4":
        interface["stackType"] = _STACKS[stack]
    if options.get("public_ip", True):
        tier = options.get("network_tier")
        if stack != "ipv6":
            access = {"type": "ONE_TO_ONE_NAT", "name": "External NAT"}
            interface["accessConfigs"] = [
                {**access, **({"networkTier": str(tier)} if tier else {})}
            ]
        if stack != "ipv4":
            # Only the premium tier has IPv6.
            interface["ipv6AccessConfigs"] = [
                {
                    "type": "DIRECT_IPV6",
                    "name": "External IPv6",
                    "networkTier": "PREMIUM",
                }
            ]
    return interface


def name_network(network: str) -> str:
    """Return a network's path."""
    return network if "/" in network else f"global/networks/{network}"


def name_subnet(subnet: str, region: str) -> str:
    """Return a subnet's path."""
    return subnet if "/" in subnet else f"regions/{region}/subnetworks/{subnet}"


def _build_metadata(
    spec: CreateSpec, options: Mapping[str, Any]
) -> list[dict[str, str]]:
    items = {}
    if spec.user_data:
        items["user-data"] = spec.user_data
    if spec.ssh_key:
        items["ssh-keys"] = spec.ssh_key.strip()
    if options.get("block_project_keys"):
        items["block-project-ssh-keys"] = "TRUE"
    return [{"key": key, "value": value} for key, value in items.items()]


def _build_reservation(reservation: str) -> dict[str, Any]:
    if reservation in {"any", "none"}:
        kind = {"any": "ANY_RESERVATION", "none": "NO_RESERVATION"}[reservation]
        return {"consumeReservationType": kind}
    return {
        "consumeReservationType": "SPECIFIC_RESERVATION",
        "key": "compute.googleapis.com/reservation-name",
        "values": [reservation],
    }
