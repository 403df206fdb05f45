"""Templates that name what their cloud no longer has."""

from collections.abc import Iterator

from servers.reports.attention.items import Concern, Item
from servers.reports.catalogue import find_doubts

MAX_SHOWN = 20


def describe_missing() -> Iterator[Item]:
    """Yield an item for each image and size that is gone. At most two queries."""
    for doubt in find_doubts()[:MAX_SHOWN]:
        place = doubt.placement
        yield Item(
            Concern.MISSING,
            f"The template {place.template.name} names what its cloud doesn't have: "
            f"{doubt.sentence}",
            account=place.account,
            region=place.region,
            template=place.template.name,
            group=f"{place.pk}-{doubt.what}",
        )
