"""Locations exist as long as something needs them.

Templates name locations, and so do servers that wait or exist. If an instance was ever
requested in a location, it is listed until the attempts are purged. A location that is
no longer needed is retired, together with its listings and its series in the metrics.
"""

import logging
from collections.abc import Iterator
from typing import Any

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet

from servers.lifecycle.states import COUNTED, MOVING, OPEN
from servers.models import (
    Account,
    Attempt,
    Instance,
    Leftover,
    Listing,
    Location,
    Server,
    TemplatePlacement,
    VersionPlacement,
)
from servers.models.template import Recipe
from servers.placing.locations import ensure_location
from servers.placing.placements import LocationKey
from servers.records.ledger import database_now

logger = logging.getLogger(__name__)


def tidy_locations() -> None:
    """Retire unneeded locations, and create those that a server needs.

    None should be missing, but without its location a server would wait forever. The
    number of queries grows only with templates and locations.
    """
    for location in _list_unused(_list_named()):
        _retire(location.pk)
    for account_id, region in _list_missing():
        ensure_location(Account.objects.get(pk=account_id), region)


def _retire(pk: int) -> None:
    with transaction.atomic():
        # A transaction that names it now has locked it, or waits for this one.
        held = (
            Location.objects.select_for_update(skip_locked=True).filter(pk=pk).first()
        )
        if held is None or held not in list(_list_unused(_list_named())):
            return
        Listing.objects.filter(location=held).delete()
        held.delete()
    logger.info("%s is no longer needed, so it is no longer listed.", held)


def _list_named() -> set[LocationKey]:
    """Return the locations that a template or a current server's recipe names."""
    current = Server.objects.filter(state__in=COUNTED)
    # A server's region may be another if its template allows any.
    chosen = current.filter(
        recipe__overrides=Recipe.Overrides.ANY, recipe__placements__position=0
    ).exclude(wanted_region="")
    named: list[QuerySet[Any, LocationKey]] = [
        TemplatePlacement.objects.values_list("account", "region"),
        VersionPlacement.objects.filter(
            version__in=current.values("recipe")
        ).values_list("account", "region"),
        chosen.values_list("recipe__placements__account", "wanted_region"),
    ]
    return {key for rows in named for key in rows.order_by().distinct()}


def _list_unused(named: set[LocationKey]) -> Iterator[Location]:
    """Yield locations that nothing needs, once they were listed or failed to list."""
    now = database_now()
    rows = (
        Location.objects.select_related("account")
        .filter(Q(lease_until__isnull=True) | Q(lease_until__lte=now))
        .filter(Q(compared_at__isnull=False) | Q(failures__gt=0))
        .filter(
            ~_holds(Server.objects.all()),
            ~_holds(Attempt.objects.all()),
            ~_holds(Instance.objects.filter(live=True)),
            ~_holds(Leftover.objects.all()),
        )
    )
    for location in rows:
        if (location.account_id, location.region) not in named:
            yield location


def _holds(rows: "QuerySet[Any]") -> Exists:
    return Exists(rows.filter(account=OuterRef("account"), region=OuterRef("region")))


def _list_missing() -> list[tuple[Any, str]]:
    """Return locations without a record that a server or an open attempt needs."""
    accounts = list(Account.objects.values_list("pk", flat=True))
    missing: set[tuple[Any, str]] = set()
    for rows in (
        Server.objects.filter(account__in=accounts, state__in=MOVING),
        Attempt.objects.filter(account__in=accounts, outcome__in=OPEN),
    ):
        known = Location.objects.filter(
            account=OuterRef("account"), region=OuterRef("region")
        )
        missing |= set(
            rows.filter(~Exists(known))
            .order_by()
            .values_list("account", "region")
            .distinct()
        )
    return sorted(missing)
