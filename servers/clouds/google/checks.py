"""Whether Google would accept a call. It has no dry run.

The rights are tested by the Resource Manager API, what an insert refers to is looked
up, and whether instances can be deleted is tested with one that does not exist.
"""

import secrets
from collections.abc import Mapping
from functools import partial
from typing import Any, Final

from servers.clouds.base import About
from servers.clouds.google.api import Api, find_rights
from servers.clouds.google.errors import NAME
from servers.clouds.parts import look_up
from servers.outgoing import reading
from servers.outgoing.errors import (
    CredentialsError,
    MissingError,
    RefusedError,
    UnknownOutcomeError,
)

_RIGHTS: Final = (
    "compute.instances.create",
    "compute.instances.setLabels",
    "compute.instances.setMetadata",
    "compute.disks.create",
    "compute.disks.setLabels",
    "compute.instances.list",
    "compute.instances.get",
    "compute.zoneOperations.list",
)
# States of an image that no insert accepts. A deprecated one still works.
UNUSABLE: Final = frozenset({"OBSOLETE", "DELETED"})


def check_rights(api: Api, body: Mapping[str, Any], *, endpoint: str) -> str:
    """Raise CredentialsError for a permission that an insert needs and is missing.

    Returns why that could not be tested, or "".
    """
    rights = list(_RIGHTS)
    if body.get("tags"):
        rights.append("compute.instances.setTags")
    if body.get("serviceAccounts"):
        rights.append("compute.instances.setServiceAccount")
    try:
        granted = find_rights(api, rights, endpoint=endpoint)
    except (CredentialsError, RefusedError, MissingError) as error:
        return f"Which permissions the credentials have was not tested: {error.message}"
    missing = [right for right in rights if right not in granted]
    if missing:
        raise CredentialsError(
            f"The credentials lack {', '.join(missing)} in the project {api.project}. "
            "Grant the service account a role with these permissions."
        )
    return ""


def check_parts(api: Api, body: Mapping[str, Any], *, zone: str) -> tuple[str, ...]:
    """Raise RefusedError for a part of an insert that does not exist."""
    size = str(body["machineType"]).rpartition("/")[2]
    params = body["disks"][0]["initializeParams"]
    interface = body["networkInterfaces"][0]
    image = str(params["sourceImage"])
    untested = [
        look_up(
            NAME,
            f"size {size}",
            lambda: api.get("zones", zone, "machineTypes", size),
            About.SIZE,
        ),
        look_up(
            NAME,
            f"image {image}",
            lambda: _check_image(api, image, int(params.get("diskSizeGb", 0))),
            About.IMAGE,
        ),
    ]
    for what, name in (("subnet", "subnetwork"), ("network", "network")):
        if path := str(interface.get(name, "")):
            look = partial(get_by_path, api, path)
            untested.append(look_up(NAME, f"{what} {path}", look, About.NETWORK))
    return tuple(filter(None, untested))


def get_by_path(api: Api, path: str) -> dict[str, Any]:
    """Return a resource by a path that may name another project."""
    parts = path.split("/")
    if parts[0] == "projects":
        return api.client.ask("GET", api.client.join_path(*parts)).need_object()
    return api.get(*parts)


def check_deleting(api: Api, *, zone: str) -> None:
    """Raise CredentialsError if instances can't be deleted.

    The name is random, so no instance has it.
    """
    name = f"serverfleet-check-{secrets.token_hex(16)}"
    try:
        api.client.ask("DELETE", api.path("zones", zone, "instances", name))
    except MissingError:
        return  # allowed; the instance is missing, as expected
    raise UnknownOutcomeError(f"{NAME} deleted an instance that does not exist.")


def _check_image(api: Api, path: str, gib: int) -> None:
    image = get_by_path(api, path)
    name = reading.text(image, "name") or path
    state = reading.text(image, "deprecated", "state")
    status = reading.text(image, "status")
    if state in UNUSABLE or status not in {"READY", ""}:
        raise RefusedError(
            f"The image {name} is {state or status}. Use a newer one.",
            about=About.IMAGE,
        )
    least = reading.whole(image, "diskSizeGb")
    if gib and gib < least:
        raise RefusedError(
            f"The image {name} needs a root disk of {least} GiB, but disk_gib is {gib}."
        )
