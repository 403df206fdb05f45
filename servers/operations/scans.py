"""Have clouds listed now."""

from django.db import transaction

from servers.errors import NotFoundError
from servers.messaging import dispatch
from servers.models import Location
from servers.records import ledger
from servers.records.ledger import Kind, write_event


def scan_now(*, account: str = "", region: str | None = None) -> int:
    """Have the locations of one account and region, or all, listed at once; count them.

    Raises NotFoundError if there are none.
    """
    locations = Location.objects.select_related("account")
    if account:
        locations = locations.filter(account__name=account)
    if region is not None:
        locations = locations.filter(region=region)
    found = list(locations.order_by("pk"))
    if not found:
        raise NotFoundError("Nothing is listed there. Create a template first.")
    now = ledger.database_now()
    with transaction.atomic():
        Location.objects.filter(pk__in=[location.pk for location in found]).update(
            next_listing_at=now
        )
        one = found[0].account if account else None
        write_event(
            Kind.SCAN_ASKED,
            account=one,
            reason=f"A listing of {found[0]} was requested."
            if len(found) == 1
            else f"Listings of {len(found)} locations were requested.",
        )
        for location in found:
            dispatch.hint(dispatch.OBSERVE, location.pk)
    return len(found)
