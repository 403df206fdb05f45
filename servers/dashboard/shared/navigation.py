"""The list of pages, in the order of the navigation."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from django.urls import reverse


@dataclass(frozen=True, slots=True)
class Entry:
    """One page: the name of its URL and icon, the right it needs, its shortcut.

    ``also`` is the first part of other paths whose pages belong to it.
    """

    name: str
    label: str
    right: str
    key: str
    also: str = ""


@dataclass(frozen=True, slots=True)
class Link:
    """An entry as one person sees it at one address."""

    entry: Entry
    url: str
    is_current: bool


ENTRIES: Final = (
    Entry("overview", "Overview", "servers.view_server", "g o"),
    Entry("servers", "Servers", "servers.view_server", "g s"),
    Entry("pools", "Pools", "servers.view_pool", "g q", also="queues"),
    Entry("templates", "Templates", "servers.view_template", "g t"),
    Entry("accounts", "Accounts", "servers.view_account", "g a"),
    Entry("leaks", "Leaks", "servers.view_server", "g l"),
    Entry("activity", "Activity", "servers.view_event", "g y"),
    Entry("people", "People", "auth.view_user", "g p"),
    Entry("tokens", "Tokens", "servers.view_token", "g k"),
    Entry("system", "System", "servers.view_fleet", "g m"),
)
# Documentation, below the fleet's pages.
HELP: Final = (
    Entry("guide", "Guide", "servers.view_server", "g h"),
    Entry("api-docs", "API", "servers.view_server", "g i"),
)
ADMIN: Final = Entry("admin", "Admin", "", "g d")


def list_links(user: Any, path: str) -> Iterator[Link]:
    """Yield the pages ``user`` can open; the one at or above ``path`` is current."""
    for entry in (*ENTRIES, *HELP):
        if not user.has_perm(entry.right):
            continue
        url = reverse(entry.name)
        yield Link(entry, url, _is_current(entry, url, path))
    if user.is_staff:
        yield Link(ADMIN, reverse("admin:index"), is_current=False)


def _is_current(entry: Entry, url: str, path: str) -> bool:
    if url == "/":
        return path == url
    under = [url]
    if entry.also:
        under.append(url.replace(f"/{entry.name}/", f"/{entry.also}/"))
    return path.startswith(tuple(under))
