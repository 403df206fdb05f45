"""Whether a scope may be acted in: the gate, and the limits in force."""

from datetime import datetime, timedelta

from django.conf import settings

from servers.lifecycle.snapshot import Limits, Pace
from servers.models import Account, Fleet, Scope


def limits_in_force() -> Limits:
    """Return the limits of this installation."""
    return Limits(
        pending=timedelta(seconds=settings.PENDING_DEADLINE),
        retention=timedelta(seconds=settings.ERROR_RETENTION),
        tries=settings.CREATE_TRIES,
    )


def is_confirmed(fleet: Fleet) -> bool:
    """Tell whether this database is the one that the fleet was confirmed for."""
    return fleet.fingerprint == settings.INSTALLATION_ID


def explain_closed_gate(
    scope: Scope | None, account: Account, *, fleet: Fleet, pace: Pace, now: datetime
) -> str:
    """Return why nothing may be created or destroyed in a scope; "" where it may."""
    if not is_confirmed(fleet):
        return (
            "This database is not where the fleet was confirmed (a copy or a restored "
            "backup?). Run `manage.py fleet confirm` to go on, or `manage.py fleet "
            "confirm --new-id` where the database it was copied from lives on."
        )
    if scope is not None and scope.error:
        listing = f"The last listing of {account.name} failed: {scope.error}"
    else:
        where = f"{account.name} {scope.region}".strip() if scope else account.name
        listing = f"A complete listing of {where} must come first."
    if scope is None or scope.compared_at is None:
        return listing
    if scope.compared_generation != account.generation:
        return listing
    if now > scope.compared_at + pace.gate:
        return listing
    return ""
