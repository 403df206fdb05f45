"""Servers that failed, or that have been in a state for longer than usual.

Servers of an account that failed or wait with the same words share one item.
"""

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from servers.lifecycle.states import State
from servers.records.boots import LEAST_LATE, Boots
from servers.reports.attention.items import Concern, Item

STOPPING_LATE: Final = timedelta(minutes=5)
MAX_EACH: Final = 8  # items of one kind
TOGETHER: Final = 3  # this many with the same cause share one item


def find_late(boots: Boots, *, now: datetime) -> dict[State, datetime]:
    """Return the cutoff per state: servers in it since before then are late."""
    booting = now - boots.late_after
    return {
        State.PENDING: now - LEAST_LATE,
        State.CREATING: booting,
        State.CREATED: booting,
        State.STAGING: booting,
        State.SHUTDOWN: now - LEAST_LATE,
        State.STOPPING: now - STOPPING_LATE,
    }


def describe_servers(
    servers: Sequence[Any], *, told: Collection[tuple[Any, str]] = ()
) -> Iterator[Item]:
    """Yield failed servers, and those in a state for longer than usual.

    Each has ``total`` (how many share its state, account and words), ``turn`` (its
    position among these), and ``in_all`` (how many are of its kind, named or not).
    ``told``: locations whose pending servers another item covers.
    """
    errors = [server for server in servers if server.state == State.ERROR]
    late = [
        server
        for server in servers
        if server.state != State.ERROR
        and not (
            server.state == State.PENDING and (server.account_id, server.region) in told
        )
    ]
    yield from _describe_groups(errors, Concern.ERROR)
    yield from _describe_groups(late, Concern.STUCK)


def _describe_groups(servers: Sequence[Any], kind: Concern) -> Iterator[Item]:
    lines = [
        server for server in servers if server.turn == 1 or server.total < TOGETHER
    ]
    named = lines[:MAX_EACH]
    for server in named:
        yield _describe(server, kind)
    if len(lines) > MAX_EACH:
        rest = named[0].in_all - sum(
            server.total if server.total >= TOGETHER else 1 for server in named
        )
        more = "1 more server" if rest == 1 else f"{rest} more servers"
        is_error = kind == Concern.ERROR
        verb = "has" if rest == 1 else "have"
        yield Item(
            Concern.MORE,
            f"{more} {verb} failed."
            if is_error
            else "More servers are taking longer than usual.",
            tone="bad" if is_error else "warn",
            state=lines[MAX_EACH].state,
        )


def _describe(server: Any, kind: Concern) -> Item:
    is_error = kind == Concern.ERROR
    common: dict[str, Any] = {
        "tone": "bad" if is_error else "warn",
        "detail": server.error if is_error else server.waiting,
        "since": server.state_since,
        "account": server.account,
    }
    if server.total < TOGETHER:
        said = (
            f"{server.name} failed."
            if is_error
            else f"{server.name} has been {server.state} for longer than usual."
        )
        return Item(kind, said, server=server, **common)
    who = f"{server.total} servers in {server.account.name}"
    return Item(
        Concern.GROUP,
        f"{who} failed for the same reason."
        if is_error
        else f"{who} have been {server.state} for longer than usual.",
        state=server.state,
        group=str(server.pk),
        **common,
    )
