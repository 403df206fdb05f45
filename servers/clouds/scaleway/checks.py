"""Whether Scaleway would accept a call. It has no dry run.

What the call refers to is looked up. Whether the API key may write is tested by
deleting a server that does not exist.
"""

import re
from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from servers.clouds.base import About, NoCapacityError, Untested
from servers.clouds.scaleway.api import Api
from servers.clouds.scaleway.errors import NAME
from servers.clouds.scaleway.options import UUID
from servers.outgoing import reading
from servers.outgoing.errors import CredentialsError, MissingError, RefusedError
from servers.outgoing.looking import reading_whole
from servers.outgoing.rest import refusing_missing


def check_writing(api: Api) -> None:
    """Raise CredentialsError if the API key may not destroy servers."""
    try:
        api.ask("DELETE", api.server(str(uuid4())))
    except MissingError:
        return  # allowed; the server is missing, as expected


def check_parts(
    api: Api, *, size: str, image: str, options: Mapping[str, Any]
) -> tuple[str, ...]:
    """Raise RefusedError for a part of a create call that does not exist.

    Returns a sentence for each part that the API key may not look up.
    """
    gaps: list[str] = []
    architecture = _check_size(api, size)
    _check_image(api, image, size, architecture, gaps)
    if group := options.get("security_group"):
        _check_group(api, str(group))
    try:
        api.entries(api.block("volumes"), "volumes", {"project_id": api.project})
    except CredentialsError as error:
        raise CredentialsError(
            f"The API key may not use Block Storage, where root volumes are: "
            f"{error.message}"
        ) from None
    if options.get("private_network"):
        gaps.append(
            Untested("ServerFleet could not test the private network.", About.NETWORK)
        )
    if options.get("placement_group"):
        gaps.append("ServerFleet could not test the placement group.")
    return tuple(gaps)


def _check_size(api: Api, size: str) -> str:
    """Return the architecture of a size that exists and is in stock."""
    sizes = api.named_entries(api.instance("products", "servers"), "servers")
    if size not in sizes:
        raise RefusedError(
            f"{NAME} has no size {size} in {api.zone}.", about=About.SIZE
        )
    if reading.truth(sizes[size], "end_of_service"):
        raise RefusedError(
            f"{NAME} no longer offers the size {size}.", about=About.SIZE
        )
    path = api.instance("products", "servers", "availability")
    stock = api.named_entries(path, "servers")
    if reading.text(stock.get(size), "availability") == "shortage":
        raise NoCapacityError(
            f"{NAME} has a shortage of {size} in {api.zone} at the moment. Use another "
            "size or zone, or wait.",
            about=About.SIZE,
        )
    return reading.text(sizes[size], "arch")


def _check_image(
    api: Api, image: str, size: str, architecture: str, gaps: list[str]
) -> None:
    if re.fullmatch(UUID, image):
        try:
            with refusing_missing():
                found = api.ask("GET", api.instance("images", image)).data
        except RefusedError as error:
            if isinstance(error, CredentialsError):
                raise
            raise _refuse_image(api, image) from None
        state = reading.text(found, "image", "state")
        if state not in {"available", ""}:
            raise RefusedError(
                f"The image {image} is {state}, not available.", about=About.IMAGE
            )
        arch = reading.text(found, "image", "arch")
        if arch and architecture and arch != architecture:
            raise RefusedError(
                f"The image {image} is for {arch}, but the size {size} is "
                f"{architecture}.",
                about=About.IMAGE,
            )
        return
    try:
        local = list_local_images(api, image)
    except CredentialsError as error:
        gaps.append(
            Untested(
                f"ServerFleet could not test the image: {error.message}", About.IMAGE
            )
        )
        return
    if not local:
        raise _refuse_image(api, image)
    fitting = [reading.texts(each, "compatible_commercial_types") for each in local]
    if any(fitting) and not any(size in each for each in fitting):
        raise RefusedError(
            f"{NAME} has no build of the image {image} for the size {size} in "
            f"{api.zone}.",
            about=About.IMAGE,
        )


def _refuse_image(api: Api, image: str) -> RefusedError:
    return RefusedError(
        f"{NAME} has no image {image} in {api.zone}.", about=About.IMAGE
    )


def list_local_images(api: Api, label: str) -> list[dict[str, Any]]:
    """Return the images of a label in this zone; none if there is no such label."""
    query = {"image_label": label, "zone": api.zone, "page_size": "100"}
    try:
        reply = api.ask("GET", "/marketplace/v2/local-images", query=query)
    except MissingError:
        return []
    with reading_whole():
        return reply.need_objects("local_images")


def _check_group(api: Api, group: str) -> None:
    query = {"project": api.project}
    for each in api.entries(api.instance("security_groups"), "security_groups", query):
        if reading.text(each, "id") == group:
            return
    raise RefusedError(
        f"{NAME} has no security group {group} in {api.zone}.", about=About.NETWORK
    )
