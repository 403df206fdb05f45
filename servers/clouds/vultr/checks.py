"""Whether Vultr would accept a call. It has no dry run.

What the call refers to is looked up. Vultr tells what the API key's user may do, and
whether it may destroy is also tested with the nil UUID, which no instance has.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from servers.clouds.base import About, NoCapacityError
from servers.clouds.catalogue import ImageQuery
from servers.clouds.vultr.errors import NAME
from servers.clouds.vultr.offers import Ask, Entries, find_images
from servers.outgoing import reading
from servers.outgoing.errors import CredentialsError, MissingError, RefusedError

MISSING: Final = "00000000-0000-0000-0000-000000000000"
# A permission in the API, and in Vultr's console.
CREATE: Final = ("provisioning", "Deploy New Servers")
DESTROY: Final = ("subscriptions", "Manage Servers")
# They stand for all others.
_EVERYTHING: Final = frozenset({"manage_users", "root"})


def check_writing(ask: Ask) -> None:
    """Raise CredentialsError if the API key may not destroy instances."""
    try:
        ask("DELETE", f"/instances/{MISSING}")
    except MissingError:
        return  # allowed; the instance is missing, as expected
    except RefusedError as error:
        # The description leaves open whether a missing instance is a 404 or a 400.
        if type(error) is not RefusedError:
            raise


def check_rights(ask: Ask, *needed: tuple[str, str]) -> bool:
    """Raise CredentialsError if the user lacks a permission. Tell if any is known."""
    account = ask("GET", "/account").need_object("account")
    given = set(reading.texts(account, "acls"))
    if not given or given & _EVERYTHING:
        return bool(given)
    for right, label in needed:
        if right not in given:
            raise CredentialsError(
                f"The API key's user lacks the permission {label}. Give it to the user "
                "under Account, Users in Vultr's console."
            )
    return True


def check_parts(
    ask: Ask,
    entries: Entries,
    body: Mapping[str, Any],
    image: str,
    *,
    path: Callable[..., str],
) -> None:
    """Raise RefusedError for a part of a create call's body that does not exist."""
    region, plan = str(body["region"]), str(body["plan"])
    _check_plan(ask, entries, region, plan, path)
    if not find_images(entries, ImageQuery(ids=(image,))):
        raise RefusedError(
            f"{NAME} has no image {image} for this account.", about=About.IMAGE
        )
    for key in body.get("sshkey_id", ()):
        try:
            ask("GET", path("ssh-keys", key))
        except MissingError:
            raise RefusedError(
                f"{NAME} has no SSH key {key} in this account.", about=About.KEY
            ) from None
    _check_vpcs(entries, body.get("attach_vpc", ()), region)
    if group := body.get("firewall_group_id"):
        groups = entries("firewalls", key="firewall_groups")
        if not any(reading.text(each, "id") == group for each in groups):
            raise RefusedError(
                f"{NAME} has no firewall group {group}.", about=About.NETWORK
            )


def _check_plan(
    ask: Ask, entries: Entries, region: str, plan: str, path: Callable[..., str]
) -> None:
    plans = entries("plans", {"type": "all"})
    if not any(reading.text(each, "id") == plan for each in plans):
        raise RefusedError(f"{NAME} has no plan {plan}.", about=About.SIZE)
    try:
        reply = ask("GET", path("regions", region, "availability"))
    except MissingError:
        raise RefusedError(f"{NAME} has no region {region}.") from None
    if plan not in reading.texts(reply.data, "available_plans"):
        raise NoCapacityError(
            f"{NAME} has no {plan} free in {region} now. Another region or plan may "
            "work.",
            about=About.SIZE,
        )


def _check_vpcs(entries: Entries, wanted: Any, region: str) -> None:
    if not wanted:
        return
    known = {reading.text(each, "id").lower(): each for each in entries("vpcs")}
    for vpc in wanted:
        found = known.get(vpc.lower())
        if found is None:
            raise RefusedError(f"{NAME} has no VPC network {vpc}.", about=About.NETWORK)
        where = reading.text(found, "region")
        if where not in {"", region}:
            raise RefusedError(
                f"The VPC network {vpc} is in {where}, not in {region}.",
                about=About.NETWORK,
            )
