"""Ask an account's cloud whether its credentials work, in words for a person."""

from dataclasses import dataclass
from typing import Final

from servers.clouds.base import CloudError
from servers.errors import FleetError
from servers.models import Account, Fleet
from servers.scopes import BusyError, call_slot, open_scope

# A person waits for the answer, and the web process has few threads.
MOST_SECONDS: Final = 10.0
MOST_REGIONS: Final = 5


@dataclass(frozen=True, slots=True)
class Finding:
    """What one region answered."""

    region: str
    works: bool
    message: str


def probe_account(account: Account) -> list[Finding]:
    """List the account in each region in use; change nothing.

    At most MOST_REGIONS regions, each within MOST_SECONDS.
    """
    regions = list(
        account.scopes.order_by("region").values_list("region", flat=True)[
            :MOST_REGIONS
        ]
    )
    return [_probe(account, region) for region in regions or [account.region]]


def _probe(account: Account, region: str) -> Finding:
    fleet = Fleet.objects.get().fleet_id
    try:
        cloud = open_scope(account, region)
        deadline = min(MOST_SECONDS, cloud.timings.call)
        with call_slot(account):
            identity = cloud.fetch_identity(deadline=deadline)
            listing = cloud.list_instances(fleet, deadline=deadline)
    except BusyError:
        return Finding(region, False, "Too many calls are under way. Try again.")
    except (CloudError, FleetError) as error:
        return Finding(region, False, error.message)
    shown = listing.identity or identity
    if account.identity and shown and shown != account.identity:
        return Finding(
            region,
            False,
            f"These credentials lead to another account ({shown}) than the one "
            f"recorded ({account.identity}).",
        )
    live = sum(instance.live for instance in listing.instances)
    whose = f" of {shown}" if shown else ""
    return Finding(
        region, True, f"The listing{whose} works and shows {live} of our instances."
    )
