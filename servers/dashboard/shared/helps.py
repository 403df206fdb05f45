"""The buttons that help with each item that needs attention, for each reader."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final

from django.urls import reverse

from servers.dashboard.shared.messages import Action, actions_for
from servers.reports.attention.items import Concern, Item

_CHANGE_ACCOUNT: Final = "servers.change_account"


def say_helps(item: Item, user: Any) -> Iterator[Action]:
    """Yield what ``user`` can do about an item, or at least a link to view it."""
    match item.kind:
        case Concern.ERROR | Concern.STUCK:
            yield from _help_server(item, user)
        case Concern.MORE | Concern.GROUP | Concern.NETWORK:
            yield _show_them(item)
        case Concern.BACKLOG:
            yield from _help_backlog(item, user)
        case Concern.HELD | Concern.UNEXPLAINED | Concern.ORPHANS:
            yield _link("View leaks", "leaks")
        case Concern.REFUSED | Concern.FAILING | Concern.BREAKER | Concern.UNLISTED:
            yield from _help_account(item, user)
        case Concern.MISSING | Concern.QUEUE | Concern.UNMATCHED:
            yield from _help_named(item, user)
        case Concern.PAUSED:
            return  # the banner on every page has the button
        case Concern.UNCONFIRMED | Concern.FROZEN:
            yield from _help_fleet(item, user)
        case _:
            if user.has_perm("servers.view_fleet"):
                yield _link("View system", "system")


def _link(label: str, page: str, *names: str, query: str = "") -> Action:
    return Action(page, label, reverse(page, args=names) + query, method="GET")


def _button(label: str, page: str, **fields: str) -> Action:
    return Action(page, label, reverse(page), fields=fields)


def _show_them(item: Item) -> Action:
    query = f"?state={item.state}"
    if item.account is not None:
        query += f"&account={item.account.name}"
    return _link("Show servers", "servers", query=query)


def _help_backlog(item: Item, user: Any) -> Iterator[Action]:
    assert item.account is not None
    if item.until is None and not item.region and user.has_perm(_CHANGE_ACCOUNT):
        place = "#id_creates_per_minute"
        yield _link("Change limit", "change-account", item.account.name, query=place)
    yield _show_them(item)


def _help_server(item: Item, user: Any) -> Iterator[Action]:
    assert item.server is not None
    back = f"?next={reverse('overview')}"
    found = [
        replace(act, url=act.url + back) if act.method == "GET" else act
        for act in actions_for(item.server, user)
        if act.name in {"retry", "terminate"}
    ]
    yield from found or [_link("View server", "server", item.server.name)]


def _help_fleet(item: Item, user: Any) -> Iterator[Action]:
    if not user.has_perm("servers.change_fleet"):
        return
    if item.kind == Concern.UNCONFIRMED:
        yield replace(_link("Confirm fleet…", "confirm-fleet"), danger=True)
    else:
        yield _button("Allow destroys again", "unfreeze")


def _help_named(item: Item, user: Any) -> Iterator[Action]:
    if item.template:
        yield _help_template(item, user)
    if item.kind == Concern.UNMATCHED and user.has_perm("servers.add_pool"):
        yield _link("New pool", "new-pool", query=f"?queue={item.queue}")
    if item.kind == Concern.QUEUE and user.has_perm("servers.change_queue"):
        yield _link("Edit queue", "change-queue", item.queue)
    elif item.queue and user.has_perm("servers.view_queue"):
        yield _link("View queue", "queue", item.queue)


def _help_template(item: Item, user: Any) -> Action:
    if user.has_perm("servers.change_template"):
        return _link("Edit template", "change-template", item.template)
    return _link("View template", "template", item.template)


def _help_account(item: Item, user: Any) -> Iterator[Action]:
    assert item.account is not None
    name = item.account.name
    if item.kind == Concern.BREAKER:
        if user.has_perm(_CHANGE_ACCOUNT):
            yield _button("Close breaker", "reclose", account=name)
        return
    if item.kind == Concern.REFUSED and user.has_perm(_CHANGE_ACCOUNT):
        yield _link("Edit account", "change-account", name)
    if user.has_perm("servers.change_location"):
        if item.kind == Concern.UNLISTED:
            yield _button("Scan now", "scan", account=name, region=item.region)
        else:
            yield _button("Try again now", "scan", account=name)
