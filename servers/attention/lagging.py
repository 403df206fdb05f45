"""Servers that failed, or that are longer in a state than is usual."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from servers.attention.items import Item, Kind
from servers.lifecycle.states import BOOTING, State

# A state of a boot lasts longer than usual after this, and after twice the usual boot.
LEAST_STUCK: Final = timedelta(seconds=60)
USUAL_BOOT: Final = timedelta(seconds=90)  # where there are no figures yet
STOPPING_LATE: Final = timedelta(minutes=5)
MOST_EACH: Final = 8  # servers of one kind that are named


def describe_servers(
    servers: Sequence[Any], *, now: datetime, usual_boot: timedelta | None = None
) -> Iterator[Item]:
    """Yield errors, and what is longer in a state than is usual.

    Each has ``total``: how many of its state there are.
    """
    errors = [server for server in servers if server.state == State.ERROR]
    for server in errors[:MOST_EACH]:
        yield Item(
            Kind.ERROR,
            f"{server.name} failed.",
            detail=server.error,
            since=server.state_since,
            server=server,
            account=server.account,
        )
    if errors and errors[0].total > MOST_EACH:
        yield Item(
            Kind.MORE,
            f"{errors[0].total - MOST_EACH} more servers have failed.",
            state=State.ERROR,
        )
    usual = max(LEAST_STUCK, 2 * (usual_boot or USUAL_BOOT))
    stuck = [server for server in servers if _is_stuck(server, usual, now=now)]
    for server in stuck[:MOST_EACH]:
        yield Item(
            Kind.STUCK,
            f"{server.name} has been {server.state} for longer than is usual.",
            tone="warn",
            detail=server.waiting,
            since=server.state_since,
            server=server,
            account=server.account,
        )
    if len(stuck) > MOST_EACH:
        yield Item(
            Kind.MORE,
            "More servers take longer than is usual.",
            tone="warn",
            state=stuck[MOST_EACH].state,
        )


def _is_stuck(server: Any, usual: timedelta, *, now: datetime) -> bool:
    age: timedelta = now - server.state_since
    if server.state == State.SHUTDOWN:
        drain = timedelta(seconds=server.recipe.drain_timeout)
        return age > drain + LEAST_STUCK
    if server.state == State.STOPPING:
        return age > STOPPING_LATE
    return server.state in BOOTING and age > usual
