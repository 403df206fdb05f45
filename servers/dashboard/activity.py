"""The activity page: actions by people, tokens and workers, newest first, by cursor."""

from typing import Any, Final

from django.db.models import QuerySet
from django.views.generic import TemplateView

from servers.access.reach import reach_servers
from servers.dashboard.shared.live import Live
from servers.dashboard.shared.messages import HAPPENED
from servers.models import Event

PER_PAGE: Final = 50
# The actor: ``user:ada``, ``token:ci`` or ``worker``; "" is a command or startup.
WHO: Final = (
    ("", "All", None),
    ("people", "People", "user:"),
    ("tokens", "Tokens", "token:"),
    ("workers", "Workers", "worker"),
)


class Activity(Live, TemplateView):
    """Show what happened, and who did it."""

    template_name = "activity/page.html"
    permission_required = "servers.view_event"

    def get_context_data(self, **context: Any) -> dict[str, Any]:
        """Load the page of events that the URL asks for. Two queries."""
        data = super().get_context_data(**context)
        asked = {
            name: self.request.GET.get(name, "").replace("\0", "")[:150].strip()
            for name in ("who", "actor", "server", "kind")
        }
        rows = _filter(Event.objects.select_related("account"), asked)
        before = _read_number(self.request.GET.get("before", ""))
        after = _read_number(self.request.GET.get("after", ""))
        events, newer, older = _take_page(rows, before=before, after=after)
        return (
            data
            | asked
            | {
                "events": _with_links(events),
                "newer": events[0].pk if events and newer else None,
                "older": events[-1].pk if events and older else None,
                "is_first": not before and not after,
                "is_filtered": any(asked.values()),
                "tabs": [(value, label) for value, label, _ in WHO],
                "kinds": sorted(HAPPENED.items(), key=lambda pair: pair[1]),
            }
        )


def _read_number(text: str) -> int:
    # The column is a bigint; no row has a larger number.
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else 0


def _filter(rows: "QuerySet[Event]", asked: dict[str, str]) -> "QuerySet[Event]":
    prefix = {value: prefix for value, _, prefix in WHO}.get(asked["who"])
    if prefix is not None:
        rows = rows.filter(actor__startswith=prefix)
    if asked["actor"]:
        rows = rows.filter(actor__icontains=asked["actor"])
    if asked["server"]:
        rows = rows.filter(server_name=asked["server"])
    if asked["kind"]:
        rows = rows.filter(kind=asked["kind"])
    return rows


def _take_page(
    rows: "QuerySet[Event]", *, before: int, after: int
) -> tuple[list[Event], bool, bool]:
    """Return a page, newest first, and whether there are newer and older ones."""
    if after and not before:
        found = list(rows.filter(pk__gt=after).order_by("pk")[: PER_PAGE + 1])
        more = len(found) > PER_PAGE
        return found[:PER_PAGE][::-1], more, True
    if before:
        rows = rows.filter(pk__lt=before)
    found = list(rows.order_by("-pk")[: PER_PAGE + 1])
    return found[:PER_PAGE], bool(before), len(found) > PER_PAGE


def _with_links(events: list[Event]) -> list[tuple[Event, bool]]:
    """Return each event, and whether its server is still listed. One query."""
    names = {event.server_name for event in events if event.server_name}
    uids = {event.server_uid for event in events if event.server_uid}
    there = set(
        reach_servers()
        .filter(name__in=names, hidden=False, pk__in=uids)
        .values_list("pk", flat=True)
        if names
        else ()
    )
    return [(event, event.server_uid in there) for event in events]
