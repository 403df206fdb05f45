"""Jump to anything by part of its name: the Ctrl-K dialog, and the page behind it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode

from django.db.models import QuerySet
from django.urls import reverse
from django.views.generic import TemplateView

from servers.access.reach import (
    reach_accounts,
    reach_pools,
    reach_queues,
    reach_templates,
)
from servers.dashboard.shared.access import Page
from servers.dashboard.shared.navigation import list_links
from servers.reports.selectors import list_servers, with_words

MAX_WORDS: Final = 100
MAX_EACH: Final = 8
# Pages that create something, and the right that each needs.
ACTS: Final = (
    ("New server", "new-server", "servers.add_server"),
    ("New template", "new-template", "servers.add_template"),
    ("New pool", "new-pool", "servers.add_pool"),
    ("New queue", "new-queue", "servers.add_queue"),
    ("New account", "new-account", "servers.add_account"),
    ("New token", "new-token", "servers.add_token"),
)
_OTHERS: Final[tuple[tuple[str, str, Callable[[], QuerySet[Any]], str], ...]] = (
    ("Template", "servers.view_template", reach_templates, "template"),
    ("Account", "servers.view_account", reach_accounts, "account"),
    ("Pool", "servers.view_pool", reach_pools, "pool"),
    ("Queue", "servers.view_queue", reach_queues, "queue"),
)


@dataclass(frozen=True, slots=True)
class Hit:
    """One result: ``kind`` says what it is; ``note`` tells it from others."""

    kind: str
    label: str
    url: str
    note: str = ""


class Jump(Page, TemplateView):
    """Show what matches, best first; without words, all pages."""

    template_name = "jump.html"

    def get_context_data(self, **context: Any) -> dict[str, Any]:
        """Search. Five queries for any fleet."""
        text = self.request.GET.get("q", "").replace("\0", "")
        words = text[:MAX_WORDS].strip()
        return super().get_context_data(**context) | {
            "words": words,
            "hits": list(_find(words, self.request)),
        }


def _find(words: str, request: Any) -> Iterator[Hit]:
    if words:
        yield from _find_named(words, request.user)
    lower = words.lower()
    for link in list_links(request.user, request.path):
        if lower in link.entry.label.lower():
            yield Hit("Page", link.entry.label, link.url)
    for label, page, right in ACTS:
        if lower in label.lower() and request.user.has_perm(right):
            yield Hit("Create", label, reverse(page))
    if words:
        query = urlencode({"search": words, "state": "all"})
        yield Hit(
            "Search", f"Servers matching {words}", f"{reverse('servers')}?{query}"
        )


def _find_named(words: str, user: Any) -> Iterator[Hit]:
    rows = with_words(list_servers(), words).order_by("name")
    found = rows.values_list("name", "state")[:MAX_EACH]
    # An exact match comes first.
    for name, state in sorted(found, key=lambda row: row[0] != words.lower()):
        yield Hit("Server", name, reverse("server", args=[name]), state)
    for kind, right, reach, page in _OTHERS:
        if user.has_perm(right):
            named = reach().filter(name__icontains=words).order_by("name")
            for name in named.values_list("name", flat=True)[:MAX_EACH]:
                yield Hit(kind, name, reverse(page, args=[name]))
