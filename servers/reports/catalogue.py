"""What a location offers, read from the copy in the database, and what it lacks."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field, fields
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final, TypeVar

from servers.clouds import catalogue as clouds
from servers.clouds.catalogue import OfferedImage, OfferedSize
from servers.models import Account, Catalogue, Template, TemplatePlacement

# How often workers ask for it, and the age at which it is shown as old.
EVERY: Final = timedelta(hours=1)
OLD: Final = EVERY * 3
MAX_TEXT: Final = 255
MAX_WORDS: Final = 100

_Offer = TypeVar("_Offer", OfferedImage, OfferedSize)


@dataclass(frozen=True, slots=True)
class Doubt:
    """An image or size of a template that its cloud no longer has."""

    placement: TemplatePlacement
    what: str  # image, size
    value: str
    like: OfferedImage | None = None

    @property
    def sentence(self) -> str:
        """What is wrong, and what may replace it."""
        place = self.placement
        where = f"{place.account.name} {place.region}".strip()
        said = f"{where} no longer has the {self.what} {self.value}."
        if self.like is None:
            return f"{said} Choose another one."
        named = f" ({self.like.name})" if self.like.name != self.like.image_id else ""
        return (
            f"{said} The newest image that looks alike is {self.like.image_id}{named}."
        )


@dataclass(frozen=True, slots=True)
class Offers:
    """A catalogue for people, with its age. ``taken_at`` is None if there is none."""

    account: Account
    region: str
    regions: tuple[str, ...] = ()
    images: tuple[OfferedImage, ...] = ()
    sizes: tuple[OfferedSize, ...] = ()
    gaps: tuple[str, ...] = ()
    taken_at: datetime | None = None
    asked_at: datetime | None = None
    error: str = ""
    missing: dict[str, Any] = field(default_factory=dict)

    def is_stale(self, now: datetime) -> bool:
        """Tell whether it is missing, old, or could not be renewed."""
        return self.taken_at is None or bool(self.error) or now - self.taken_at > OLD


def read_offers(account: Account, region: str) -> Offers:
    """Return what a location offers, as its cloud last told. One query."""
    row = Catalogue.objects.filter(account=account, region=region).first()
    if row is None:
        return Offers(account, region)
    found = load_content(row.content)
    return Offers(
        account,
        region,
        found.regions,
        found.images,
        found.sizes,
        found.gaps,
        row.taken_at,
        row.asked_at,
        row.error,
        row.missing,
    )


def search(rows: Iterable[_Offer], words: str) -> Iterator[_Offer]:
    """Yield the rows that contain all words, in upper or lower case."""
    wanted = words[:MAX_WORDS].lower().split()
    for row in rows:
        text = (
            f"{row.image_id} {row.name} {row.architecture}"
            if isinstance(row, OfferedImage)
            else row.name
        ).lower()
        if all(word in text for word in wanted):
            yield row


def dump_content(found: clouds.Catalogue) -> str:
    """Return a catalogue as the text that is stored. Its lists and texts are cut."""

    def cut(value: Any) -> Any:
        if isinstance(value, Decimal):
            return str(value)
        return value[:MAX_TEXT] if isinstance(value, str) else value

    def pack(rows: Iterable[Any]) -> list[list[Any]]:
        most = list(rows)[: clouds.MAX_ENTRIES]
        return [[cut(each) for each in asdict(row).values()] for row in most]

    return json.dumps(
        {
            "regions": [cut(each) for each in found.regions[: clouds.MAX_ENTRIES]],
            "images": pack(found.images),
            "sizes": pack(found.sizes),
            "gaps": [each[:1000] for each in found.gaps[:20]],
        }
    )


def load_content(content: str) -> clouds.Catalogue:
    """Return a stored catalogue. One from another version may lack newer fields."""
    found = json.loads(content) if content else {}
    price = [each.name for each in fields(OfferedSize)].index("price_per_hour")
    sizes = []
    for row in found.get("sizes", ()):
        if len(row) > price and row[price] is not None:
            row[price] = Decimal(row[price])
        sizes.append(OfferedSize(*row))
    return clouds.Catalogue(
        regions=tuple(found.get("regions", ())),
        images=tuple(OfferedImage(*row) for row in found.get("images", ())),
        sizes=tuple(sizes),
        gaps=tuple(found.get("gaps", ())),
    )


def find_doubts(placements: Iterable[Any] | None = None) -> list[Doubt]:
    """Return what clouds no longer have of placements, or of all templates.

    Two queries for any number of them, or one if nothing is missing.
    """
    rows = {
        (row.account_id, row.region): row.missing
        for row in Catalogue.objects.filter(doubts__gt=0).defer("content", "named")
    }
    if not rows:
        return []
    if placements is None:
        placements = (
            TemplatePlacement.objects.filter(account__in={pk for pk, _ in rows})
            .select_related("account", "template")
            .order_by("template__name", "position")
        )
    return [
        doubt
        for place in placements
        for doubt in _doubt(place, rows.get((place.account_id, place.region), {}))
    ]


def _doubt(place: Any, missing: dict[str, Any]) -> Iterator[Doubt]:
    images = missing.get("images", {})
    if place.image in images:
        like = images[place.image]
        yield Doubt(place, "image", place.image, OfferedImage(**like) if like else None)
    if place.size in missing.get("sizes", ()):
        yield Doubt(place, "size", place.size)


def list_warnings(template: Template) -> list[str]:
    """Return the template's warnings. One query, if ``note_doubts`` has not done it."""
    if "warnings" not in template.__dict__:
        note_doubts([template])
    return template.warnings


def note_doubts(templates: Iterable[Template]) -> list[Template]:
    """Return templates with their ``warnings``, a sentence each. One query for all.

    Their placements are loaded already.
    """
    found = list(templates)
    places = [each for template in found for each in template.placements.all()]
    told: dict[Any, list[str]] = {}
    for doubt in find_doubts(places):
        told.setdefault(doubt.placement.template_id, []).append(doubt.sentence)
    for template in found:
        template.warnings = told.get(template.pk, [])
    return found
