"""Whether OpenStack would accept a call. It has no dry run.

What a create call refers to is looked up. Whether these credentials may delete servers
is told by their roles, and by deleting a server that does not exist.
"""

from collections.abc import Mapping
from typing import Any, Final
from uuid import uuid4

from servers.clouds.base import About, QuotaError, Untested
from servers.clouds.openstack.errors import NAME
from servers.clouds.openstack.offers import read_quotas
from servers.clouds.openstack.session import Session
from servers.outgoing import reading
from servers.outgoing.errors import CredentialsError, MissingError, RefusedError
from servers.outgoing.fields import read_several

_READING: Final = frozenset({"reader"})


def check_roles(session: Session) -> None:
    """Raise CredentialsError if all that the roles allow is reading."""
    roles = session.token.roles
    if roles and roles <= _READING:
        raise CredentialsError(
            "The role reader may not create or delete servers. Give the user or the "
            "application credential the role member."
        )


def check_destroying(session: Session) -> None:
    """Raise CredentialsError if these credentials may not delete servers."""
    check_roles(session)
    try:
        session.ask("compute", "DELETE", f"/servers/{uuid4()}")
    except MissingError:
        return  # allowed; the server is missing, as expected


def check_parts(
    session: Session, *, image: str, ssh_key: str, options: Mapping[str, Any]
) -> tuple[str, ...]:
    """Raise RefusedError for a part of a create call that does not exist.

    Returns a sentence for each part that these credentials may not look up.
    """
    check_roles(session)
    gaps: list[Untested] = []

    def need(
        what: str, wanted: str, service: str, path: str, name: str, about: About
    ) -> Any:
        """Return the entry of a list whose id or name is ``wanted``."""
        try:
            for each in session.entries(service, path, name, {}):
                inner = each.get("keypair", each)
                names = (reading.text(inner, field) for field in _NAMED)
                if wanted in names:
                    return inner
        except CredentialsError as error:
            said = f"ServerFleet could not test the {what}: {error.message}"
            gaps.append(Untested(said, about))
            return {}
        raise RefusedError(
            f"{NAME} has no {what} {wanted} for this project.", about=about
        )

    _check_image(session, image, gaps)
    if ssh_key:
        need("key pair", ssh_key, "compute", "/os-keypairs", "keypairs", About.KEY)
    for each in read_several(options.get("networks")):
        need("network", each, "network", "/networks", "networks", About.NETWORK)
    for each in read_several(options.get("security_groups")):
        path = "/security-groups"
        name = "security_groups"
        need("security group", each, "network", path, name, About.NETWORK)
    if wanted := str(options.get("floating_network") or ""):
        found = need(
            "network", wanted, "network", "/networks", "networks", About.NETWORK
        )
        if found and found.get("router:external") is False:
            raise RefusedError(
                f"The network {wanted} is not external, so that it has no floating "
                "addresses.",
                about=About.NETWORK,
            )
    _check_zone(session, str(options.get("zone") or ""), gaps)
    _check_quotas(session, gaps)
    return tuple(gaps)


_NAMED: Final = ("id", "name")


def _check_image(session: Session, image: str, gaps: list[Untested]) -> None:
    try:
        found = session.ask("image", "GET", f"/images/{_quote(image)}").data
    except MissingError:
        raise RefusedError(
            f"{NAME} has no image {image} for this project.", about=About.IMAGE
        ) from None
    except CredentialsError as error:
        said = f"ServerFleet could not test the image: {error.message}"
        gaps.append(Untested(said, About.IMAGE))
        return
    status = reading.text(found, "status")
    if status not in {"active", ""}:
        raise RefusedError(
            f"The image {image} is {status}, not active.", about=About.IMAGE
        )


def _quote(image: str) -> str:
    """Return an image's id for a path. It has no character that needs quoting."""
    if not image.isascii() or not image.replace("-", "").isalnum():
        raise RefusedError(f"{image[:80]!r} is not an image's id.", about=About.IMAGE)
    return image


def _check_zone(session: Session, zone: str, gaps: list[Untested]) -> None:
    if not zone:
        return
    try:
        reply = session.ask("compute", "GET", "/os-availability-zone")
    except CredentialsError as error:
        said = f"ServerFleet could not test the zone: {error.message}"
        gaps.append(Untested(said))
        return
    found = {
        reading.text(each, "zoneName")
        for each in reading.objects(reply.data, "availabilityZoneInfo")
    }
    # With a host, as administrators write it: nova:compute-1.
    if zone.partition(":")[0] not in found:
        raise RefusedError(f"{NAME} has no availability zone {zone}.")


def _check_quotas(session: Session, gaps: list[Untested]) -> None:
    try:
        quotas = read_quotas(session)
    except CredentialsError as error:
        said = f"ServerFleet could not read the quotas: {error.message}"
        gaps.append(Untested(said))
        return
    for each in quotas:
        if each.used is not None and each.used >= each.limit:
            raise QuotaError(
                f"The project's quota is used up: {each.used:g} of {each.limit:g} "
                f"{each.unit}. Have it raised, or delete what is not needed."
            )
