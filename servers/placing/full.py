"""Instances that a cloud took back, or could not place, as a sign of no capacity."""

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from servers.lifecycle.states import Answer
from servers.models import Attempt
from servers.placing.memory import note_full
from servers.placing.placements import read_placements


def remember_full(attempts: Collection[UUID], *, now: datetime) -> None:
    """Remember for some minutes that there is no capacity where these were.

    Losing this to a crash does no harm. Each place is written once, in a fixed order.
    """
    if not attempts:
        return
    rows = list(Attempt.objects.filter(pk__in=attempts).select_related("account"))
    versions = read_placements(row.recipe_id for row in rows if row.recipe_id)
    places = {}
    for row in rows:
        for placement in versions.get(row.recipe_id, ()) if row.recipe_id else ():
            if placement.position == row.placement:
                here = replace(placement, region=row.region, size=row.size)
                key = (str(row.account_id), row.region, row.size, row.placement)
                places[key] = (here, row.account)
    for _, (here, account) in sorted(places.items(), key=lambda item: item[0]):
        note_full(here, account, Answer.NO_CAPACITY, now=now)
