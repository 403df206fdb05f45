"""Ask an account's cloud whether its credentials work, in words for a person."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from servers.clouds.base import CloudError
from servers.clouds.registry import validate_config
from servers.errors import FleetError, InvalidError
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


def probe_account(
    account: Account, *, credentials: Mapping[str, str] | None = None
) -> list[Finding]:
    """List the account in each region in use; change nothing. It need not be saved.

    ``credentials`` are tried instead of those that it has. Raises InvalidError where
    its settings are not what its kind needs.

    At most MOST_REGIONS regions, each within MOST_SECONDS.
    """
    if credentials is not None:
        errors = validate_config(
            account.kind,
            credentials=credentials,
            endpoint=account.endpoint,
            region=account.region,
            options=account.options,
        )
        for name, texts in errors.items():
            raise InvalidError(f"{name}: {texts[0]}", fields=errors)
        account.credentials = json.dumps(dict(credentials))
    regions = list(account.scopes.order_by("region").values_list("region", flat=True))
    if account.region or not regions:
        # First, since it is the one that was just typed.
        regions = [*dict.fromkeys([account.region, *regions])]
    return [_probe(account, region) for region in regions[:MOST_REGIONS]]


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
