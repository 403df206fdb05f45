"""The gate of a location (whether it allows creates and destroys), and the limits."""

from datetime import datetime, timedelta
from typing import Final

from django.conf import settings

from servers.lifecycle.snapshot import Limits, Pace
from servers.models import Account, Fleet, Location

# How long a lost server counts, in times of what is between two health checks.
LATELY: Final = 15


def limits_in_force() -> Limits:
    """Return the limits of this installation."""
    return Limits(
        pending=timedelta(seconds=settings.PENDING_DEADLINE),
        retention=timedelta(seconds=settings.ERROR_RETENTION),
        tries=settings.CREATE_TRIES,
        recheck=timedelta(seconds=settings.DRAIN_RECHECK),
        check=timedelta(seconds=settings.HEALTH_INTERVAL),
        lately=timedelta(seconds=settings.HEALTH_INTERVAL * LATELY),
        proven=timedelta(seconds=settings.BOOT_DEADLINE),
    )


def is_confirmed(fleet: Fleet) -> bool:
    """Tell whether the fleet was confirmed in this database."""
    return fleet.fingerprint == settings.INSTALLATION_ID


def explain_closed_gate(
    location: Location | None,
    account: Account,
    *,
    fleet: Fleet,
    pace: Pace,
    now: datetime,
) -> str:
    """Return why creates and destroys in a location are blocked; "" if they are not."""
    if not is_confirmed(fleet):
        return (
            "This database is not where the fleet was confirmed. It may be a copy or a "
            "restored backup. Run `manage.py fleet confirm` to continue, or `manage.py "
            "fleet confirm --new-id` if the original database is still in use."
        )
    if location is not None and location.error:
        listing = f"The last listing of {account.name} failed: {location.error}"
    else:
        where = (
            f"{account.name} {location.region}".strip() if location else account.name
        )
        listing = f"Waiting for a complete listing of {where}."
    if location is None or location.compared_at is None:
        return listing
    if location.compared_generation != account.generation:
        return listing
    if now > location.compared_at + pace.gate:
        return listing
    return ""
