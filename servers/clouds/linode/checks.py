"""Whether Linode would accept a call. It has no dry run.

What the call refers to is looked up. Whether the token may create and destroy, which
need the same scope, is tested by deleting the Linode 0, which can't exist: ids start
at 1.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from servers.clouds.base import About, NoCapacityError, Untested
from servers.clouds.linode.errors import NAME
from servers.clouds.linode.offers import Ask, Pages
from servers.outgoing import reading
from servers.outgoing.errors import CredentialsError, MissingError, RefusedError

Path = Callable[..., str]


def check_writing(ask: Ask) -> None:
    """Raise CredentialsError if the token may not destroy Linodes."""
    try:
        ask("DELETE", "/linode/instances/0")
    except MissingError:
        return  # allowed; the Linode is missing, as expected


def check_user(ask: Ask) -> Iterator[str]:
    """Raise CredentialsError if the token's user may not create Linodes."""
    if not reading.truth(ask("GET", "/profile").data, "restricted"):
        return
    grants = ask("GET", "/profile/grants")
    if reading.find(grants.data, "global", "add_linodes") is False:
        raise CredentialsError(
            f"The token's user may not add Linodes. Grant that to the user at {NAME}, "
            "or use the token of an unrestricted user."
        )
    yield Untested(
        f"The token's user is restricted. {NAME}'s reference says that only an "
        "unrestricted user may set tags, which is not tested.",
        About.TAGS,
    )


def check_parts(
    ask: Ask, pages: Pages, body: Mapping[str, Any], *, path: Path
) -> Iterator[str]:
    """Raise RefusedError for a part of a create call's body that does not exist.

    Yields a sentence for each part that could not be tested.
    """
    region = str(body["region"])
    _check_region(pages, region)
    _check_size(ask, pages, str(body["type"]), region, path)
    _check_image(ask, body, path)
    for user in body.get("authorized_users", ()):
        yield Untested(
            f"It is not tested whether the user {user} exists and has an SSH key.",
            About.KEY,
        )
    for what, act in (
        ("firewall", lambda: _check_firewall(ask, body, path)),
        ("VPC subnet", lambda: _check_subnet(pages, body, region)),
        ("placement group", lambda: _check_group(ask, body, region, path)),
    ):
        try:
            act()
        except CredentialsError:
            yield Untested(
                f"The token may not look up the {what}, so it was not tested.",
                About.NETWORK,
            )


def _check_region(pages: Pages, region: str) -> None:
    for reply in pages("/regions"):
        for each in reply.need_objects("data"):
            if reading.text(each, "id") == region:
                return
    raise RefusedError(f"{NAME} has no region {region}.")


def _check_size(ask: Ask, pages: Pages, size: str, region: str, path: Path) -> None:
    try:
        ask("GET", path("linode", "types", size))
    except MissingError:
        raise RefusedError(f"{NAME} has no plan {size}.", about=About.SIZE) from None
    # It tells of some plans only. A plan that is not there is sold everywhere.
    asked = {"region": region, "plan": size}
    for reply in pages("/regions/availability", asked):
        for each in reply.need_objects("data"):
            where = (reading.text(each, "region"), reading.text(each, "plan"))
            if where == (region, size) and each.get("available") is False:
                raise NoCapacityError(
                    f"{NAME} has no {size} free in {region} now.", about=About.SIZE
                )


def _check_image(ask: Ask, body: Mapping[str, Any], path: Path) -> None:
    image = str(body["image"])
    try:
        item = ask("GET", path("images", image)).need_object()
    except MissingError:
        raise RefusedError(
            f"{NAME} has no image {image} for this account.", about=About.IMAGE
        ) from None
    status = reading.text(item, "status")
    if status not in {"", "available"}:
        raise RefusedError(
            f"The image {image} is {status}, not available.", about=About.IMAGE
        )
    # Only of public images is it known whether they read user data.
    given = item.get("capabilities")
    is_known = image.startswith("linode/") and isinstance(given, list)
    if is_known and "metadata" in body and "cloud-init" not in (given or ()):
        raise RefusedError(
            f"The image {image} has no cloud-init, so it does not read user data.",
            about=About.IMAGE,
        )


def _check_firewall(ask: Ask, body: Mapping[str, Any], path: Path) -> None:
    if number := body.get("firewall_id"):
        try:
            ask("GET", path("networking", "firewalls", number))
        except MissingError:
            raise _miss("firewall", number) from None


def _check_group(ask: Ask, body: Mapping[str, Any], region: str, path: Path) -> None:
    number = reading.whole(body, "placement_group", "id")
    if not number:
        return
    try:
        item = ask("GET", path("placement", "groups", number)).need_object()
    except MissingError:
        raise _miss("placement group", number) from None
    _check_place(item, f"The placement group {number}", region)


def _check_subnet(pages: Pages, body: Mapping[str, Any], region: str) -> None:
    number = reading.whole(body, "interfaces", 0, "subnet_id")
    if not number:
        return
    for reply in pages("/vpcs"):
        for vpc in reply.need_objects("data"):
            for each in reading.objects(vpc, "subnets"):
                if reading.whole(each, "id") == number:
                    _check_place(vpc, f"The VPC subnet {number}", region)
                    return
    raise _miss("VPC subnet", number)


def _check_place(item: Mapping[str, Any], what: str, region: str) -> None:
    where = reading.text(item, "region")
    if where not in {"", region}:
        raise RefusedError(
            f"{what} is in {where}, not in {region}.", about=About.NETWORK
        )


def _miss(what: str, number: int) -> RefusedError:
    return RefusedError(
        f"{NAME} has no {what} {number} in this account.", about=About.NETWORK
    )
