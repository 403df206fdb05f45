"""Have clouds listed now."""

from django.db import transaction
from django.db.models.functions import Now

from servers.errors import NotFoundError
from servers.messaging import dispatch
from servers.models import Account, Location
from servers.placing.locations import ensure_location
from servers.records.ledger import Fact, write_event


def scan_now(account: Account | None = None, *, region: str | None = None) -> int:
    """Have the locations of one account and region, or all, listed at once; count them.

    An account without locations gets that of its own region. Instances without a server
    show after two listings. The second is automatic. Raises NotFoundError if nothing is
    listed there.
    """
    with transaction.atomic():
        if account is not None and not account.locations.exists():
            ensure_location(account, account.region)
        locations = Location.objects.select_related("account").order_by("pk")
        if account is not None:
            locations = locations.filter(account=account)
        if region is not None:
            locations = locations.filter(region=region)
        found = list(locations)
        if not found:
            raise NotFoundError("Nothing is listed there. Create a template first.")
        Location.objects.filter(pk__in=[location.pk for location in found]).update(
            next_listing_at=Now()
        )
        write_event(
            Fact.SCAN_ASKED,
            account=account,
            reason=f"A listing of {found[0]} was requested."
            if len(found) == 1
            else f"Listings of {len(found)} locations were requested.",
        )
        for location in found:
            dispatch.hint(dispatch.OBSERVE, location.pk)
    return len(found)
