"""Whether DigitalOcean would accept a call. It has no dry run.

What the call refers to is looked up. Whether the token may destroy is tested with an id
that no Droplet has: they are counted up from 1, and this is the largest that all
programs can read exactly.
"""

from collections.abc import Mapping
from typing import Any, Final

from servers.clouds.base import About, NoCapacityError, Untested
from servers.clouds.digitalocean.errors import NAME
from servers.clouds.digitalocean.offers import Ask, Entries, find_fault, is_available
from servers.outgoing import reading
from servers.outgoing.errors import MissingError, RefusedError

MISSING: Final = str(2**53 - 1)


def check_writing(ask: Ask) -> None:
    """Raise CredentialsError if the token may not destroy Droplets."""
    try:
        ask("DELETE", f"/droplets/{MISSING}")
    except MissingError:
        return  # allowed; the Droplet is missing, as expected


def check_account(account: Mapping[str, Any]) -> None:
    """Raise RefusedError if the account can't create anything."""
    if reading.text(account, "status") == "locked":
        words = reading.text(account, "status_message").strip().rstrip(".")
        raise RefusedError(
            f"{NAME} has locked this account{': ' if words else ''}{words}. Ask its "
            "support."
        )


def check_parts(
    ask: Ask, entries: Entries, body: Mapping[str, Any], *, path: Any
) -> tuple[str, ...]:
    """Raise RefusedError for a part of a create call's body that does not exist."""
    region, size = str(body["region"]), str(body["size"])
    regions = _find(entries, "regions", region)
    if not regions:
        raise RefusedError(f"{NAME} has no region {region}.")
    sizes = _find(entries, "sizes", size)
    if not sizes:
        raise RefusedError(f"{NAME} has no size {size}.", about=About.SIZE)
    if not is_available(regions[0]):
        raise NoCapacityError(f"{NAME} creates no new Droplets in {region} now.")
    offered = reading.texts(sizes[0], "regions")
    if not is_available(sizes[0]) or (offered and region not in offered):
        raise NoCapacityError(
            f"{NAME} has no {size} free in {region} now.", about=About.SIZE
        )
    _check_image(ask, str(body["image"]), region, path)
    _check_key(entries, body)
    _check_vpc(entries, body, region)
    return (
        Untested(
            f"{NAME} has no dry run, so it is not tested whether the token has the "
            "scopes droplet:create and tag:create."
        ),
    )


def _find(entries: Entries, name: str, slug: str) -> list[dict[str, Any]]:
    return [
        each
        for each in entries(f"/{name}", name, {})
        if reading.text(each, "slug") == slug
    ]


def _check_image(ask: Ask, image: str, region: str, path: Any) -> None:
    try:
        item = ask("GET", path("images", image)).need_object("image")
    except MissingError:
        raise RefusedError(
            f"{NAME} has no image {image} for this account.", about=About.IMAGE
        ) from None
    if why := find_fault(item, region):
        raise RefusedError(
            f"The image {image} can't be used: {why}.", about=About.IMAGE
        )


def _check_key(entries: Entries, body: Mapping[str, Any]) -> None:
    wanted = {str(each) for each in body.get("ssh_keys", ())}
    if not wanted:
        return
    for each in entries("/account/keys", "ssh_keys", {}):
        wanted -= {reading.text(each, "id"), reading.text(each, "fingerprint")}
    if wanted:
        raise RefusedError(
            f"{NAME} has no SSH key {wanted.pop()} in this team.", about=About.KEY
        )


def _check_vpc(entries: Entries, body: Mapping[str, Any], region: str) -> None:
    vpc = str(body.get("vpc_uuid", ""))
    if not vpc:
        return
    found = [
        each
        for each in entries("/vpcs", "vpcs", {})
        if reading.text(each, "id").lower() == vpc.lower()
    ]
    if not found:
        raise RefusedError(f"{NAME} has no VPC network {vpc}.", about=About.NETWORK)
    where = reading.text(found[0], "region")
    if where not in {"", region}:
        raise RefusedError(
            f"The VPC network {vpc} is in {where}, not in {region}.",
            about=About.NETWORK,
        )
