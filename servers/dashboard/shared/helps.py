"""The buttons that help with each item that needs attention, for each reader."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from django.urls import reverse

from servers.dashboard.shared.messages import actions_for
from servers.models import Server
from servers.reports.attention.items import Item, Kind

_CHANGE_ACCOUNT: Final = "servers.change_account"


@dataclass(frozen=True, slots=True)
class Help:
    """One button. ``GET`` is a link; ``asks``: it leads to a page that asks first."""

    label: str
    url: str
    method: str = "GET"
    fields: Mapping[str, str] = field(default_factory=dict)
    danger: bool = False
    asks: bool = False
    why_not: str = ""


def say_helps(item: Item, user: Any) -> list[Help]:
    """Return what ``user`` can do about an item, or at least a link to view it."""
    return list(_list_helps(item, user))


def _list_helps(item: Item, user: Any) -> Iterator[Help]:
    match item.kind:
        case Kind.ERROR | Kind.STUCK:
            yield from _help_server(item, user)
        case Kind.MORE | Kind.GROUP:
            yield _show_them(item)
        case Kind.BACKLOG:
            yield from _help_backlog(item, user)
        case Kind.HELD | Kind.UNEXPLAINED | Kind.ORPHANS:
            yield Help("View leaks", reverse("leaks"))
        case Kind.REFUSED | Kind.FAILING | Kind.BREAKER | Kind.UNLISTED:
            yield from _help_account(item, user)
        case Kind.PAUSED:
            return  # the banner on every page has the button
        case Kind.UNCONFIRMED | Kind.FROZEN:
            if user.has_perm("servers.change_fleet"):
                yield _help_fleet(item)
        case _:
            if user.has_perm("servers.view_fleet"):
                yield Help("View system", reverse("system"))


def _show_them(item: Item) -> Help:
    query = f"?state={item.state}"
    if item.account is not None:
        query += f"&account={item.account.name}"
    return Help("Show servers", reverse("servers") + query)


def _help_backlog(item: Item, user: Any) -> Iterator[Help]:
    assert item.account is not None
    if item.until is None and not item.region and user.has_perm(_CHANGE_ACCOUNT):
        url = reverse("change-account", args=[item.account.name])
        yield Help("Change limit", f"{url}#id_creates_per_minute")
    yield _show_them(item)


def _help_server(item: Item, user: Any) -> Iterator[Help]:
    assert item.server is not None
    found = list(_list_acts(item.server, user))
    yield from found or [
        Help("View server", reverse("server", args=[item.server.name]))
    ]


def _list_acts(server: Server, user: Any) -> Iterator[Help]:
    for action in actions_for(server, user):
        if action.name in {"retry", "terminate"}:
            is_link = action.method == "GET"
            back = f"?next={reverse('overview')}" if is_link else ""
            yield Help(
                action.label,
                action.url + back,
                action.method,
                danger=action.danger,
                asks=is_link,
                why_not=action.why_not,
            )


def _help_account(item: Item, user: Any) -> Iterator[Help]:
    assert item.account is not None
    if item.kind == Kind.BREAKER:
        if user.has_perm(_CHANGE_ACCOUNT):
            fields = {"account": item.account.name}
            yield Help("Close breaker", reverse("reclose"), "POST", fields)
        return
    if item.kind == Kind.REFUSED and user.has_perm(_CHANGE_ACCOUNT):
        url = reverse("change-account", args=[item.account.name])
        yield Help("Edit account", url)
    if user.has_perm("servers.change_location"):
        fields = {"account": item.account.name}
        if item.kind == Kind.UNLISTED:
            fields["region"] = item.region
        label = "Scan now" if item.kind == Kind.UNLISTED else "Try again now"
        yield Help(label, reverse("scan"), "POST", fields)


def _help_fleet(item: Item) -> Help:
    if item.kind == Kind.UNCONFIRMED:
        return Help("Confirm fleet…", reverse("confirm-fleet"), danger=True, asks=True)
    return Help("Allow destroys again", reverse("unfreeze"), "POST")
