"""What an hour of a server costs where it is created, as far as that is known."""

from collections.abc import Iterable

from servers.lifecycle.billing import UNKNOWN, Price
from servers.lifecycle.snapshot import Placement
from servers.models import Attempt, Server
from servers.placing.placements import read_placements


def find_price(placement: Placement) -> Price:
    """Return what an hour at a placement costs. It is frozen with the create call.

    The price that people have set comes first, then that of the cached catalogue.
    """
    if placement.price_per_hour is not None:
        return Price(placement.price_per_hour, placement.currency)
    if placement.spot:
        # A catalogue has the usual price, and a spot instance costs less.
        return UNKNOWN
    return UNKNOWN


def price_of(server: Server, attempts: Iterable[Attempt] | None = None) -> Price:
    """Return what an hour of a server costs, as its current attempt froze it.

    Before the first attempt, it is that of the placement where it will be created. At
    most two queries, one less if its ``attempts`` are loaded already.
    """
    if attempts is None:
        attempts = server.attempts.filter(number=server.attempt_number)
    for attempt in attempts:
        if attempt.number == server.attempt_number:
            return attempt.price
    here = (server.placement, server.account_id, server.region, server.size)
    for each in read_placements([server.recipe_id])[server.recipe_id]:
        # A request may have chosen another size, or a person adopted it elsewhere.
        if (each.position, each.account, each.region, each.size) == here:
            return find_price(each)
    return UNKNOWN
