"""The body of a PUT: one virtual machine with its interface, address and disk.

Source: the description of Microsoft.Compute (VirtualMachine), and Azure's documentation
on tags ("Limitations" and "Reserved names") and custom data.
"""

import base64
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from servers.clouds.azure.api import Api
from servers.clouds.azure.interface import build_interface
from servers.clouds.azure.options import (
    ACCOUNT_OPTIONS,
    DEFAULT_USER,
    OPTIONS,
    UUID,
    check_options,
    is_group,
)
from servers.clouds.base import NAME_TAG, CreateSpec
from servers.clouds.capabilities import Capabilities, TagRules
from servers.clouds.fitting import refuse_options
from servers.outgoing.errors import RefusedError
from servers.outgoing.fields import read_several

_PUBLISHER: Final = "[A-Za-z0-9][A-Za-z0-9._-]{0,99}"

CAPABILITIES: Final = Capabilities(
    tags=TagRules(
        most=50,
        own=4,  # fleet, server, key and name
        name=r"[^<>%&\\?/\x00-\x1f]{1,512}",
        value=r"[^\x00-\x1f]{0,256}",
        tagging=frozenset({"address"}),
        prefixes=("microsoft", "azure", "windows"),
    ),
    user_data_bytes=65535,
    user_data_in_base64=True,
    user_data_gzip=True,
    finds_by_key=True,
    catalogue=True,
    image_owners=_PUBLISHER,
    image_owners_like="Canonical",
    spot=True,
)
# The only version that the description names for interfaces inside of a machine.
_NETWORK_VERSION: Final = "2020-11-01"
_SIZE: Final = re.compile("[A-Za-z][A-Za-z0-9_-]{1,79}")
_PART: Final = r"[A-Za-z0-9._-]{1,128}"
_URN: Final = re.compile(
    rf"(?P<publisher>{_PUBLISHER}):(?P<offer>{_PART}):(?P<sku>{_PART}):(?P<version>{_PART})"
)
_IMAGE_ID: Final = re.compile(
    rf"/(?i:subscriptions)/{UUID}/(?i:resourceGroups)/[^/\s]{{1,90}}"
    r"/(?i:providers)/(?i:Microsoft\.Compute)/"
    rf"(?:(?i:images)/{_PART}"
    rf"|(?i:galleries)/{_PART}/(?i:images)/{_PART}(?:/(?i:versions)/{_PART})?)"
)
_SHARED: Final = re.compile(
    rf"/(?P<kind>(?i:CommunityGalleries|SharedGalleries))/{_PART}/(?i:Images)/{_PART}"
    rf"(?:/(?i:Versions)/{_PART})?"
)
_SSH_KEY: Final = re.compile(
    r"(?:ssh-(?:rsa|ed25519)|ecdsa-sha2-nistp(?:256|384|521)) [A-Za-z0-9+/=]{40,}.*"
)


def read_image(image: str) -> dict[str, str]:
    """Return an image as a virtual machine refers to it. Raise RefusedError.

    People write ``PUBLISHER:OFFER:SKU:VERSION`` (the version may be ``latest``), the id
    of an image or of one in a gallery, or the path of one in a community gallery.
    """
    text = image.strip()
    if found := _URN.fullmatch(text):
        return found.groupdict()
    if _IMAGE_ID.fullmatch(text):
        return {"id": text}
    if shared := _SHARED.fullmatch(text):
        is_community = shared["kind"].lower().startswith("community")
        name = "communityGalleryImageId" if is_community else "sharedGalleryImageId"
        return {name: text}
    raise RefusedError(
        f"{image[:200]!r} is not an image. Use PUBLISHER:OFFER:SKU:VERSION, such as "
        "Canonical:ubuntu-24_04-lts:server:latest, or an image's id."
    )


def check_spec(spec: CreateSpec, options: Mapping[str, Any]) -> None:
    """Raise RefusedError if no virtual machine can be described."""
    refuse_options(options, (*ACCOUNT_OPTIONS, *OPTIONS), check_options)
    if wrong := CAPABILITIES.tags.check(spec.labels, spec.options):
        raise RefusedError(wrong)
    if wrong := _find_alike(spec.tags):
        raise RefusedError(wrong)
    if wrong := CAPABILITIES.check_user_data(len(_pack(spec))):
        raise RefusedError(wrong)
    read_image(spec.image)
    if not _SIZE.fullmatch(spec.size):
        raise RefusedError(f"{spec.size[:80]!r} is not a size. Use Standard_D4s_v5.")
    if spec.ssh_key and not _SSH_KEY.fullmatch(spec.ssh_key.strip()):
        raise RefusedError(
            "ServerFleet passes no keys by name to Azure. Enter the public key as the "
            "SSH key, such as ssh-ed25519 AAAAC3…, or use the template's list of SSH "
            "keys."
        )
    for name in ("resource_group", "subnet"):
        if not options.get(name):
            raise RefusedError(
                f"Set the option {name} in the account"
                f"{' or the template' if name == 'subnet' else ''}."
            )
    if not is_group(str(options["resource_group"])):
        raise RefusedError("The option resource_group is not a resource group's name.")


def build_body(
    spec: CreateSpec, options: Mapping[str, Any], api: Api
) -> dict[str, Any]:
    """Return the body of a PUT. Raise RefusedError if it can't be built.

    ``options`` are the account's, overridden by the template's.
    """
    check_spec(spec, options)
    tags = {**spec.tags, NAME_TAG: spec.name}
    properties: dict[str, Any] = {
        "hardwareProfile": {"vmSize": spec.size},
        "storageProfile": {
            "imageReference": read_image(spec.image),
            "osDisk": _build_disk(spec, options),
        },
        "osProfile": _build_system(spec, options),
        "networkProfile": {
            "networkApiVersion": _NETWORK_VERSION,
            "networkInterfaceConfigurations": [build_interface(spec, options, api)],
        },
        **_build_security(options),
    }
    if spec.spot:
        # It ends for good: one that is only deallocated would be billed for its disk.
        properties |= {
            "priority": "Spot",
            "evictionPolicy": "Delete",
            "billingProfile": {"maxPrice": options.get("max_price") or -1},
        }
    if group := options.get("capacity_reservation"):
        reserved = {"capacityReservationGroup": {"id": str(group)}}
        properties["capacityReservation"] = reserved
    body: dict[str, Any] = {
        "location": api.location,
        "tags": tags,
        "properties": properties,
    }
    if zone := options.get("zone"):
        body["zones"] = [str(zone)]
    if identities := read_several(options.get("identities")):
        body["identity"] = {
            "type": "UserAssigned",
            "userAssignedIdentities": {each: {} for each in identities},
        }
    if plan := str(options.get("plan") or ""):
        publisher, product, name = plan.split("/")
        body["plan"] = {"publisher": publisher, "product": product, "name": name}
    return body


def _build_disk(spec: CreateSpec, options: Mapping[str, Any]) -> dict[str, Any]:
    disk: dict[str, Any] = {
        "name": spec.key,
        "createOption": "FromImage",
        "deleteOption": "Delete",
    }
    if size := options.get("disk_gib"):
        disk["diskSizeGB"] = int(size)
    if kind := options.get("disk_type"):
        disk["managedDisk"] = {"storageAccountType": str(kind)}
    if place := options.get("ephemeral_disk"):
        disk["diffDiskSettings"] = {"option": "Local", "placement": str(place)}
        disk["caching"] = "ReadOnly"  # all that an ephemeral disk can have
        disk["managedDisk"] = {"storageAccountType": "Standard_LRS"}
    return disk


def _build_system(spec: CreateSpec, options: Mapping[str, Any]) -> dict[str, Any]:
    user = str(options.get("admin_user") or DEFAULT_USER)
    key = spec.ssh_key.strip() or make_unusable_key()
    system: dict[str, Any] = {
        "computerName": spec.key,
        "adminUsername": user,
        "linuxConfiguration": {
            "disablePasswordAuthentication": True,
            "ssh": {
                "publicKeys": [
                    {"path": f"/home/{user}/.ssh/authorized_keys", "keyData": key}
                ]
            },
        },
    }
    if spec.user_data:
        system["customData"] = base64.b64encode(_pack(spec)).decode()
    return system


@lru_cache(maxsize=1)
def make_unusable_key() -> str:
    """Return a public key whose private key nobody has.

    Azure creates no Linux machine without a password or a key. One for each process is
    enough.
    """
    private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    public = private.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
    return f"{public.decode()} nobody"


def _build_security(options: Mapping[str, Any]) -> dict[str, Any]:
    profile: dict[str, Any] = {}
    if options.get("encryption_at_host"):
        profile["encryptionAtHost"] = True
    if options.get("secure_boot"):
        profile["securityType"] = "TrustedLaunch"
        profile["uefiSettings"] = {"secureBootEnabled": True, "vTpmEnabled": True}
    return {"securityProfile": profile} if profile else {}


def _pack(spec: CreateSpec) -> bytes:
    return CAPABILITIES.pack_user_data(spec.user_data, compresses=spec.compresses)


def _find_alike(tags: Mapping[str, str]) -> str:
    """Return which two tags Azure takes for the same, or ""."""
    seen: dict[str, str] = {}
    for name in tags:
        other = seen.setdefault(name.lower(), name)
        if other != name:
            return (
                f"The labels {other[:80]!r} and {name[:80]!r} are the same tag for "
                "Azure, which ignores upper and lower case. Remove one of them."
            )
    return ""
