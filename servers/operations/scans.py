"""Have clouds listed now."""

from django.db import transaction

from servers.errors import NotFoundError
from servers.messaging import dispatch
from servers.models import Scope
from servers.records import ledger
from servers.records.ledger import (
    Kind,
    write_event,
)


def scan_now(*, account: str = "", region: str | None = None) -> int:
    """Have the locations of one account and region, or all, listed at once; count them.

    Raises NotFoundError if there are none.
    """
    scopes = Scope.objects.select_related("account")
    if account:
        scopes = scopes.filter(account__name=account)
    if region is not None:
        scopes = scopes.filter(region=region)
    found = list(scopes.order_by("pk"))
    if not found:
        raise NotFoundError("Nothing is listed there. Create a template first.")
    now = ledger.database_now()
    with transaction.atomic():
        Scope.objects.filter(pk__in=[scope.pk for scope in found]).update(
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
        for scope in found:
            dispatch.hint(dispatch.OBSERVE, scope.pk)
    return len(found)
