"""What a sandbox refuses, as a cloud's API would, each with its own status."""

import secrets
import sqlite3

from libcloud.common.exceptions import BaseHTTPError

from servers.clouds.sandbox.behaviour import Behaviour
from servers.clouds.sandbox.world import World


def check_token(token: str, expected: str) -> None:
    """Raise 401 if the account expects another token."""
    if expected and not secrets.compare_digest(token.encode(), expected.encode()):
        raise BaseHTTPError(401, "The token is not valid.")


def check_rights(behaviour: Behaviour, region: str, operation: str) -> None:
    """Raise 401 if the token may not do this, in this region or anywhere."""
    if {operation, f"{region}/{operation}"} & set(behaviour.denied):
        raise BaseHTTPError(401, f"The token may not {operation}.")


def check_rate(
    behaviour: Behaviour, world: World, operation: str, call: int, now: float
) -> None:
    """Raise 429 if there were too many calls of a kind, or by chance.

    ``call`` is the number of this one, which is counted already.
    """
    limit = behaviour.calls_per_minute
    recent = world.count_recent(operation, now - 60) if limit else 0
    if (limit and recent > limit) or behaviour.strikes("throttled", call):
        raise BaseHTTPError(429, "Too many calls.", {"retry-after": "1"})


def check_known(behaviour: Behaviour, image: str, size: str) -> None:
    """Raise 422 if there is no such image or size."""
    if image not in behaviour.images:
        raise BaseHTTPError(422, f"There is no image {image}.", {"about": "image"})
    if size not in behaviour.sizes:
        raise BaseHTTPError(422, f"There is no size {size}.", {"about": "size"})


def count_live(connection: sqlite3.Connection, now: float) -> int:
    """Return how many instances count against the quota."""
    (live,) = connection.execute(
        "SELECT count(*) FROM instances WHERE gone_at IS NULL OR gone_at > ?", (now,)
    ).fetchone()
    return int(live)


def check_room(
    behaviour: Behaviour,
    connection: sqlite3.Connection,
    region: str,
    size: str,
    now: float,
) -> None:
    """Raise 507 or 403 if there is no capacity, or no quota, for another instance."""
    check_capacity(behaviour, region, size)
    if behaviour.quota:
        live = count_live(connection, now)
        if live >= behaviour.quota:
            raise BaseHTTPError(
                403, f"The quota of {behaviour.quota:g} instances is used up."
            )


def check_capacity(behaviour: Behaviour, region: str, size: str) -> None:
    """Raise 507 if a size has run out in a region."""
    gone = {size, f"{region}/{size}", f"{region}/*"}
    if gone & set(behaviour.no_capacity):
        place = f" in {region}" if region else ""
        raise BaseHTTPError(507, f"No capacity for size {size}{place}.")
