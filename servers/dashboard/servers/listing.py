"""The list of servers: tabs, filters, order and pages, all done by the database."""

import csv
import io
import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from django.core.paginator import Paginator
from django.db.models import CharField, QuerySet, Value
from django.http import HttpRequest, HttpResponse
from django.views.generic import TemplateView, View

from servers.access.reach import reach_accounts, reach_pools, reach_templates
from servers.dashboard.servers.labels import list_labels
from servers.dashboard.servers.saved_views import list_views
from servers.dashboard.servers.selection import ALL, Selection
from servers.dashboard.servers.targets import MOST
from servers.dashboard.shared.access import Page
from servers.dashboard.shared.first_step import find_first_step
from servers.dashboard.shared.live import Live
from servers.lifecycle.states import MOVING, State
from servers.models import Location, Server
from servers.reports.server_json import render_server

PER_PAGE: Final = 50
MAX_OPTIONS: Final = 200


class ServerList(Live, TemplateView):
    """Show the servers that the URL asks for, newest first by default."""

    template_name = "servers/list.html"

    def get_context_data(self, **context: Any) -> dict[str, Any]:
        """Count by state, which also gives the number of pages; load one page."""
        selection = Selection.read(self.request.GET.dict())
        counts = selection.count_by_state()
        rows = selection.select().select_related("account", "template")
        paginator = Paginator(rows, PER_PAGE)
        paginator.count = _count_shown(selection, counts)
        page = paginator.get_page(self.request.GET.get("page"))
        return super().get_context_data(**context) | {
            "selection": selection,
            "ordering": selection.ordering,
            "tabs": list(_list_tabs(selection, counts)),
            "matching": paginator.count,
            "most": MOST,
            "over": counts.get(State.STOPPED, 0),
            "known_labels": list_labels,
            "options": list(_list_options(selection)),
            "page_obj": page,
            "servers": list(page),
            "first_step": find_first_step,
            "views": list_views(self.request.user),
            "busy": any(state in counts for state in MOVING),
            "may_act": self.request.user.has_perm("servers.change_server"),
        }


def _count_shown(selection: Selection, counts: Mapping[str, int]) -> int:
    total = sum(counts.values())
    if selection.state == ALL:
        return total
    if selection.state:
        return counts.get(selection.state, 0)
    return total - counts.get(State.STOPPED, 0)


def _list_tabs(
    selection: Selection, counts: Mapping[str, int]
) -> Iterable[tuple[str, str, int]]:
    yield "", "current", _count_shown(replace(selection, state=""), counts)
    for state in State:
        if state in counts or state == selection.state:
            yield state.value, state.value, counts.get(state, 0)
    if State.STOPPED in counts or selection.state == ALL:
        yield ALL, "all", sum(counts.values())


def _list_options(selection: Selection) -> Iterable[tuple[str, str, list[str]]]:
    """Yield each filter, its chosen value and its options. One query."""
    kinds = {
        "account": reach_accounts().values_list("name"),
        "template": reach_templates().values_list("name"),
        "pool": reach_pools().order_by("name").values_list("name"),
        "region": Location.objects.exclude(region="").values_list("region"),
    }
    first, *others = (
        names.order_by().annotate(kind=Value(kind, CharField()))
        for kind, names in kinds.items()
    )
    found = sorted(set(first.union(*others)))
    for kind in kinds:
        names = [name for name, of_kind in found if of_kind == kind][:MAX_OPTIONS]
        chosen = getattr(selection, kind)
        if chosen and chosen not in names:
            names.insert(0, chosen)
        yield kind, chosen, names


COLUMNS: Final = (
    *("name", "state", "account", "template", "provider", "region", "size", "image"),
    *("capacity", "address", "id", "labels", "protected", "cordoned"),
    *("created_by", "created", "started", "stopped", "error", "waiting"),
)


class Download(Page, View):
    """Download all pages of the same list as a file, without secrets."""

    is_kept = False

    file_format = "csv"

    def get(self, request: HttpRequest) -> HttpResponse:
        """Return the file."""
        rows = Selection.read(request.GET.dict()).select()
        if self.file_format == "json":
            response = HttpResponse(_to_json(rows), content_type="application/json")
        else:
            content_type = "text/csv; charset=utf-8"
            response = HttpResponse(_to_csv(rows), content_type=content_type)
        response["Content-Disposition"] = (
            f'attachment; filename="servers.{self.file_format}"'
        )
        return response


def _to_json(rows: QuerySet[Server]) -> str:
    """Return the servers as the API does, with nineteen fields each."""
    servers = [
        render_server(server, with_secrets=False) for server in rows.iterator(500)
    ]
    return json.dumps(servers, ensure_ascii=False) + "\n"


def _to_csv(rows: QuerySet[Server]) -> str:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    for server in rows.select_related("account", "recipe").iterator(500):
        cells = {
            "account": server.account.name,
            "template": server.recipe.template_name,
            "id": server.instance_id,
            "labels": " ".join(
                f"{name}={value}" for name, value in sorted(server.labels.items())
            ),
            "protected": "yes" if server.protected else "no",
            "cordoned": "yes" if server.cordoned else "no",
            "created": _to_text(server.created_at),
            "started": _to_text(server.started_at),
            "stopped": _to_text(server.stopped_at),
        }
        values = (cells.get(name, getattr(server, name, "")) for name in COLUMNS)
        writer.writerow([_disarm(value) for value in values])
    return text.getvalue()


def _to_text(at: datetime | None) -> str:
    return at.isoformat(timespec="seconds") if at else ""


def _disarm(value: Any) -> Any:
    """Quote text that a spreadsheet would run as a formula."""
    if isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t", "\r")):
        return f"'{value}"
    return value
