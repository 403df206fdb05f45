"""What other pools claim of the server limits that a batch of plans reaches."""

import math
from collections.abc import Collection
from typing import Final
from uuid import UUID

from django.db.models import OuterRef, Subquery, UUIDField

from servers.lifecycle.pools.sharing import Claim
from servers.models import Fleet, Pool, TemplatePlacement
from servers.placing.caps import Rooms

_READ: Final = (
    *("name", "template", "account"),
    *("figures__servers", "figures__short", "memo__short_since"),
)


def read_rivals(own: Collection[UUID], fleet: Fleet, rooms: Rooms) -> dict[str, Claim]:
    """Return the claims of pools besides those of a batch, by their last plans.

    Each is planned at least once a minute, so that these are not old. One query.
    """
    first = TemplatePlacement.objects.filter(template=OuterRef("template"))
    account = Subquery(
        first.order_by("position").values("account")[:1], output_field=UUIDField()
    )
    rows = Pool.objects.filter(enabled=True, queue__enabled=True, dry=False)
    rows = rows.exclude(pk__in=own).annotate(account=account).order_by("name")
    return {
        name: Claim(
            servers=servers or 0,
            asked=short or 0,
            since=since or math.inf,
            caps=caps,
        )
        for name, template, account, servers, short, since in rows.values_list(*_READ)
        if (caps := rooms.list_caps(template, account, fleet.pk))
    }
