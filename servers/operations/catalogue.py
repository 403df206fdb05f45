"""Ask a cloud what it offers, and keep a copy. Never inside a transaction."""

import contextlib
import time
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from django.db import transaction
from django.db.models import Q

from servers.clouds import catalogue as clouds
from servers.clouds.alike import find_alike, pattern_of
from servers.clouds.capabilities import Capabilities
from servers.clouds.catalogue import ImageQuery, OfferedImage
from servers.clouds.images import is_rule
from servers.clouds.port import Cloud, FindsImages
from servers.clouds.registry import describe_kind
from servers.errors import FleetError, InvalidError
from servers.messaging import dispatch
from servers.models import Account, Catalogue, Location, TemplatePlacement
from servers.operations.visits import take_place
from servers.outgoing.errors import CallError
from servers.placing.call_slots import BusyError, call_slot
from servers.placing.locations import open_location
from servers.records.ledger import database_now
from servers.reports.catalogue import EVERY, dump_content

# In a worker, and while a person waits. EC2's many pages take the longest.
MAX_SECONDS: Final = 45.0
SECONDS_FOR_PEOPLE: Final = 15.0
# Another process asked a moment ago.
AGAIN: Final = timedelta(seconds=60)
# How many regions of one account are kept, and how many images are looked for that
# look like one that is gone.
MAX_REGIONS: Final = 50
MAX_LOOKS: Final = 5


@dataclass(frozen=True, slots=True)
class _Found:
    """What a cloud told. ``gone`` is None if it told nothing about our images."""

    listed: clouds.Catalogue
    named: Mapping[str, OfferedImage]
    gone: Mapping[str, OfferedImage | None] | None
    gone_sizes: tuple[str, ...]


def hint_catalogues() -> int:
    """Hint for each location whose catalogue is due; return how many. Three queries."""
    now = database_now()
    fresh = Catalogue.objects.filter(asked_at__gt=now - EVERY)
    known = set(fresh.values_list("account", "region"))
    rows = Location.objects.filter(account__enabled=True).select_related("account")
    due = [
        row
        for row in rows
        if (row.account_id, row.region) not in known
        and describe_kind(row.account.kind).capabilities.catalogue
    ]
    for row in due:
        hint_catalogue(row.account, row.region)
    return len(due)


def hint_catalogue(account: Account, region: str) -> None:
    """Have a worker ask what a location offers. Losing this does no harm."""
    dispatch.hint(dispatch.CATALOGUE, f"{account.pk}/{region}")


def follow_hint(name: str) -> None:
    """Refresh the catalogue that a hint names, unless that was done a moment ago."""
    pk, _, region = name.partition("/")
    account = Account.objects.filter(pk=UUID(pk)).first()
    if account is None:
        return
    recent = Catalogue.objects.filter(
        account=account, region=region, asked_at__gt=database_now() - AGAIN
    )
    if not recent.exists():
        try:
            refresh_catalogue(account, region, seconds=MAX_SECONDS)
        except FleetError:
            return  # its settings are wrong, which its listings tell


def refresh_for_person(account: Account, region: str) -> None:
    """Refresh a catalogue while a person waits.

    Raises InvalidError, or UnavailableError while others wait.
    """
    with take_place():
        refresh_catalogue(account, region, seconds=SECONDS_FOR_PEOPLE)


def refresh_catalogue(account: Account, region: str, *, seconds: float) -> None:
    """Ask what a location offers, in ``seconds`` at most, and store the answer.

    If the cloud does not answer, what is stored stays, and tells why. Raises
    InvalidError if the account can't have the region, or its kind has no catalogue.
    """
    kind = describe_kind(account.kind)
    if not kind.capabilities.catalogue:
        raise InvalidError(f"{kind.label} does not tell what it offers.")
    cloud = open_location(account, region)
    row = _claim(account, region)
    used = _list_used(account, region)
    ends = time.monotonic() + min(seconds, max(cloud.timings.call, 1.0))
    changes: dict[str, Any]
    try:
        with call_slot(account):
            found = _look(cloud, kind.capabilities, row, used, ends=ends)
    except CallError as error:
        changes = {"error": error.message}
    except BusyError:
        changes = {"error": "Too many calls to the cloud are in progress."}
    else:
        changes = _describe(row, found)
    with transaction.atomic(durable=True):
        # Not if credentials changed meanwhile, or a later request was sent.
        Catalogue.objects.filter(
            pk=row.pk, asked_at=row.asked_at, account__generation=account.generation
        ).update(**changes)


def _claim(account: Account, region: str) -> Catalogue:
    """Note that it is asked for now. Raise InvalidError if there are too many."""
    rows = Catalogue.objects.filter(account=account)
    if not rows.filter(region=region).exists() and rows.count() >= MAX_REGIONS:
        raise InvalidError(
            f"At most {MAX_REGIONS} regions of an account are looked up."
        )
    now = database_now()
    row, _ = Catalogue.objects.update_or_create(
        account=account, region=region, defaults={"asked_at": now}
    )
    return row


def _list_used(account: Account, region: str) -> tuple[set[str], set[str]]:
    """Return the images and sizes of templates here, without images by rule."""
    rows = TemplatePlacement.objects.filter(
        Q(region=region), account=account
    ).values_list("image", "size")
    images, sizes = set(), set()
    for image, size in rows:
        if not is_rule(image):
            images.add(image)
        sizes.add(size)
    return images, sizes


def _look(
    cloud: Cloud,
    can: Capabilities,
    row: Catalogue,
    used: tuple[set[str], set[str]],
    *,
    ends: float,
) -> _Found:
    listed = cloud.catalogue(deadline=_left(ends))
    images, sizes = used
    gone_sizes: set[str] = set()
    if can.lists_all_sizes and listed.has_all_sizes:
        gone_sizes = sizes - {size.name for size in listed.sizes}
    known = {image.image_id: image for image in listed.images}
    certain = can.lists_all_images and listed.has_all_images
    if isinstance(cloud, FindsImages) and images:
        query = ImageQuery(ids=tuple(sorted(images)))
        try:
            found = cloud.find_images(query, deadline=_left(ends))
        except CallError:
            certain = False
        else:
            known |= {image.image_id: image for image in found}
            certain = True
    named = {
        image: OfferedImage(**row.named[image])
        for image in images
        if image in row.named and image not in known
    } | {image: known[image] for image in images if image in known}
    if not certain:
        return _Found(listed, named, None, tuple(sorted(gone_sizes)))
    gone = {
        image: _find_alike(cloud, image, named, listed, ends=ends)
        for image in sorted(images - known.keys())
    }
    return _Found(listed, named, gone, tuple(sorted(gone_sizes)))


def _find_alike(
    cloud: Cloud,
    image: str,
    named: Mapping[str, OfferedImage],
    listed: clouds.Catalogue,
    *,
    ends: float,
) -> OfferedImage | None:
    """Return the newest image that looks like one that is gone, or None."""
    was = named.get(image) or OfferedImage(image, image)
    candidates: Collection[OfferedImage] = listed.images
    if isinstance(cloud, FindsImages) and was.owner and was.name != image:
        query = ImageQuery(owner=was.owner, pattern=pattern_of(was.name))
        with contextlib.suppress(CallError):  # then only among those that are listed
            candidates = (*candidates, *cloud.find_images(query, deadline=_left(ends)))
    return find_alike(was, candidates)


def _describe(row: Catalogue, found: _Found) -> dict[str, Any]:
    """Return the columns to write."""
    images: dict[str, Any] = row.missing.get("images", {})
    if found.gone is not None:
        images = {
            image: asdict(like) if like else None for image, like in found.gone.items()
        }
    sizes = list(found.gone_sizes)
    return {
        "error": "",
        "taken_at": row.asked_at,
        "content": dump_content(found.listed),
        "named": {image: asdict(each) for image, each in found.named.items()},
        "missing": {"images": images, "sizes": sizes},
        "doubts": len(images) + len(sizes),
    }


def _left(ends: float) -> float:
    return max(0.1, ends - time.monotonic())
