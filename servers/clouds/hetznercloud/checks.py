"""Whether Hetzner Cloud would accept a call. It has no dry run.

What the call refers to is looked up. Whether the token may write is tested by deleting
the server 0, which can't exist: ids start at 1.
"""

from collections.abc import Callable, Mapping
from typing import Any

from servers.clouds.base import About
from servers.clouds.hetznercloud.errors import NAME
from servers.clouds.hetznercloud.offers import Entries
from servers.outgoing import reading
from servers.outgoing.errors import MissingError, RefusedError
from servers.outgoing.reply import Reply

Ask = Callable[..., Reply]


def check_writing(ask: Ask) -> None:
    """Raise CredentialsError if the token may only read."""
    try:
        ask("DELETE", "/servers/0")
    except MissingError:
        return  # allowed; the server is missing, as expected


def check_parts(ask: Ask, entries: Entries, body: Mapping[str, Any]) -> tuple[str, ...]:
    """Raise RefusedError for a part of a create call's body that does not exist."""
    location, size = str(body["location"]), str(body["server_type"])
    if not _has(entries("/locations", "locations", {"name": location})):
        raise RefusedError(f"{NAME} has no location {location}.")
    types = list(entries("/server_types", "server_types", {"name": size}))
    if not types and not size.isdigit():
        raise RefusedError(f"{NAME} has no server type {size}.", about=About.SIZE)
    prices = reading.objects(types, 0, "prices")
    if prices and not any(
        reading.text(each, "location") == location for each in prices
    ):
        raise RefusedError(
            f"{NAME} does not offer {size} in {location}.", about=About.SIZE
        )
    _check_image(ask, entries, str(body["image"]))
    for key in body.get("ssh_keys", ()):
        if not key.isdigit() and not _has(
            entries("/ssh_keys", "ssh_keys", {"name": key})
        ):
            raise RefusedError(
                f"{NAME} has no SSH key {key} in this project.", about=About.KEY
            )
    _check_ids(entries, "networks", body.get("networks", ()))
    firewalls = [each["firewall"] for each in body.get("firewalls", ())]
    _check_ids(entries, "firewalls", firewalls)
    group = body.get("placement_group")
    _check_ids(entries, "placement_groups", [group] if group else ())
    return ()


def _check_image(ask: Ask, entries: Entries, image: str) -> None:
    if image.isdigit():
        try:
            found = [reading.fields(ask("GET", f"/images/{image}").data, "image")]
        except MissingError:
            found = []
    else:
        query = {"name": image, "include_deprecated": "true"}
        found = list(entries("/images", "images", query))
    if not found:
        raise RefusedError(f"{NAME} has no image {image}.", about=About.IMAGE)
    status = reading.text(found, 0, "status")
    if status not in {"available", ""}:
        raise RefusedError(
            f"The image {image} is {status}, not available.", about=About.IMAGE
        )


def _check_ids(entries: Entries, name: str, ids: Any) -> None:
    if not ids:
        return
    known = {reading.whole(each, "id") for each in entries(f"/{name}", name, {})}
    for each in ids:
        if each not in known:
            what = name.replace("_", " ").removesuffix("s")
            raise RefusedError(
                f"{NAME} has no {what} {each} in this project.", about=About.NETWORK
            )


def _has(found: Any) -> bool:
    return next(iter(found), None) is not None
