"""Bulk actions: ask once for all servers, then report the outcome of each.

The list's form posts the selected names, or that all servers matching the filter are
meant. The response is a page that asks (with JavaScript it opens as a dialog). That
page's form posts the confirmation, with the names that the person was shown. No other
server is acted on. The outcomes are kept in the session, so that the page behind the
redirect can show them, and show them again.
"""

import time
from datetime import datetime
from typing import Any, Final

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.dateparse import parse_datetime
from django.views.generic import TemplateView

from servers.dashboard.servers.bulk_form import BulkForm
from servers.dashboard.servers.targets import (
    MAX_TICKED,
    MOST,
    NEWCOMERS_NAMED,
    Targets,
    explain_left_out,
    find_all,
    find_newcomers,
    find_servers,
    find_still,
    find_ticked,
    read_selection,
)
from servers.dashboard.shared.access import find_next
from servers.dashboard.shared.live import Live
from servers.dashboard.shared.messages import BULK_VERBS
from servers.dashboard.shared.termination import (
    can_be_removed_by_force,
    say_force,
    say_what_is_lost,
    waits_for_builds,
)
from servers.errors import FleetError, InvalidError
from servers.lifecycle.states import MOVING, State
from servers.models import Server
from servers.operations.change import revise_labels
from servers.operations.terminate import retry_server, terminate_server
from servers.wording import count_of

REPEATED: Final = "This was already carried out. Nothing was done twice."
NOT_REACHED: Final = "Not reached in time. Repeat the action for the rest."
SINCE: Final = "It was created after you were asked, under a reused name."
NO_MATCH: Final = "It no longer matches the filter."
# Proxies give up after a minute.
MAX_SECONDS: Final = 25.0
PER_PAGE: Final = 100
# For more servers, what is lost is said once for all of them.
MAX_NOTES: Final = 50
_REPORT: Final = "act_report"


class ActOnServers(Live, TemplateView):
    """Ask for confirmation, act, and report."""

    template_name = "servers/act.html"

    def post(self, request: HttpRequest) -> HttpResponse:
        """Ask for confirmation, or carry out what was confirmed."""
        if not request.user.has_perm("servers.change_server"):
            raise PermissionDenied
        act = request.POST.get("act", "")
        self.all = request.POST.get("all") == "yes"
        confirmed = request.POST.get("confirmed") == "yes"
        names = _read_names(request, "server")
        if problem := self._find_problem(act, names, confirmed=confirmed):
            messages.error(request, problem)
            return redirect(self._back)
        if not confirmed:
            targets = find_all(act, self._selection) if self.all else find_ticked(names)
            form = BulkForm(act=act)
            return self.render_to_response(self._ask(form, targets))
        told = set(_read_names(request, "working"))
        form = BulkForm(request.POST, act=act, working=len(told))
        if not form.is_valid():
            return self.render_to_response(self._ask(form, find_ticked(names)))
        if form.is_repeated():
            messages.info(request, REPEATED)
            return self._show_again(form.cleaned_data["once"][:16])
        rows = self._act_on_each(form, names, told=told)
        request.session[_REPORT] = {
            "id": form.cleaned_data["once"][:16],
            "act": act,
            "rows": rows,
            "back": self._back,
            "newcomers": (
                find_newcomers(act, self._selection, names) if self.all else []
            ),
        }
        return self._show_again(request.session[_REPORT]["id"])

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Show the last report."""
        kept = request.session.get(_REPORT)
        if kept is None or kept["id"] != request.GET.get("report"):
            messages.info(request, "This report is no longer available.")
            return redirect("servers")
        self.template_name = "servers/report.html"
        return self.render_to_response(self._report(kept))

    @property
    def _back(self) -> str:
        return find_next(self.request) or reverse("servers")

    @property
    def _selection(self) -> Any:
        return read_selection(self.request.POST.get("query", ""))

    def _show_again(self, report: str) -> HttpResponse:
        """Redirect to the report if it is kept, otherwise back."""
        kept = self.request.session.get(_REPORT)
        if kept is None or kept["id"] != report:
            return redirect(self._back)
        return redirect(f"{reverse('act-on-servers')}?report={report}")

    def _find_problem(self, act: str, names: list[str], *, confirmed: bool) -> str:
        most = MOST if self.all else MAX_TICKED
        if act not in BULK_VERBS:
            return "Nothing was done. This action does not exist."
        if not names and (confirmed or not self.all):
            return "Nothing was done. Select some servers first."
        if len(names) > most:
            return f"Nothing was done. Select at most {most} servers at a time."
        return ""

    def _ask(self, form: BulkForm, targets: Targets) -> dict[str, Any]:
        rows = [
            _preview(form.act, name, targets.found.get(name)) for name in targets.names
        ]
        count = sum(not row["why_not"] for row in rows)
        verb = BULK_VERBS[form.act]
        what = count_of(count, "server")
        working = [row["name"] for row in rows if row["works"]]
        form.fields["confirm"].label = _say_how_to_confirm(len(working), count)
        data = self.get_context_data()
        return data | {
            "title": f"{verb} {what}?",
            "action_label": f"{verb} {what}",
            "back": self._back,
            "keep_label": "" if count else "Back",
            "form": form,
            "act": form.act,
            "rows": rows,
            "notes": len(rows) <= MAX_NOTES,
            "count": count,
            "force": _say_force(form.act, rows),
            "names": " ".join(row["name"] for row in rows if not row["why_not"]),
            "working": " ".join(working),
            "works": len(working),
            "all": self.all,
            "query": self.request.POST.get("query", ""),
            "asked": self.request.POST.get("asked") or data["now"].isoformat(),
            "targets": targets,
        }

    def _act_on_each(
        self, form: BulkForm, names: list[str], *, told: set[str]
    ) -> list[dict[str, Any]]:
        """Act on the named servers, for as long as a proxy waits."""
        found = find_servers(names)
        still = find_still(self._selection, names) if self.all else set(names)
        asked = _read_time(self.request.POST.get("asked", ""))
        ends = time.monotonic() + MAX_SECONDS
        rows = []
        for name in names:
            server = found.get(name)
            text = explain_left_out(form.act, server, known_to_work=name in told)
            if server is not None and asked is not None and server.created_at > asked:
                text = SINCE
            elif server is not None and name not in still:
                text = NO_MATCH
            elif time.monotonic() > ends:
                text = NOT_REACHED
            ok = not text
            if not text:
                text, ok = _act_on(name, form)
            rows.append({"name": name[:63], "ok": ok, "text": text})
        return rows

    def _report(self, kept: dict[str, Any]) -> dict[str, Any]:
        # Failures come first.
        ordered = sorted(kept["rows"], key=lambda row: row["ok"])
        page = Paginator(ordered, PER_PAGE).get_page(self.request.GET.get("page"))
        now = find_servers([row["name"] for row in page])
        newcomers = kept.get("newcomers", [])
        return self.get_context_data() | {
            "rows": [row | {"server": now.get(row["name"])} for row in page],
            "page_obj": page,
            "total": len(ordered),
            "done": sum(row["ok"] for row in ordered),
            "verb": BULK_VERBS[kept["act"]],
            "back": kept["back"],
            "newcomers": newcomers[:NEWCOMERS_NAMED],
            "has_more": len(newcomers) > NEWCOMERS_NAMED,
            "busy": any(server.state in MOVING for server in now.values()),
        }


def _read_names(request: HttpRequest, field: str) -> list[str]:
    """Return the names: one per checkbox, or joined, from the page that asks."""
    texts = request.POST.getlist(field)
    names = [name for text in texts for name in text.split(" ") if name]
    return list(dict.fromkeys(names))


def _read_time(text: str) -> datetime | None:
    """Return when the person was asked, or None if the text is not a time."""
    try:
        at = parse_datetime(text[:40])
    except ValueError:
        return None
    return at if at is not None and at.tzinfo is not None else None


def _preview(act: str, name: str, server: Server | None) -> dict[str, Any]:
    why_not = explain_left_out(act, server, known_to_work=True)
    asked = server if act == "terminate" and not why_not else None
    return {
        "name": name[:63],
        "server": server,
        "why_not": why_not,
        "lost": say_what_is_lost(server) if server and act == "terminate" else "",
        "removable": asked is not None and can_be_removed_by_force(asked),
        "drains": asked is not None and waits_for_builds(asked),
        "works": asked is not None and asked.state == State.RUNNING,
    }


def _say_force(act: str, rows: list[dict[str, Any]]) -> tuple[str, str] | None:
    """Return the label and help of the checkbox for force; None without an effect."""
    removes = any(row["removable"] for row in rows)
    skips = any(row["drains"] for row in rows)
    if act != "terminate" or not (removes or skips):
        return None
    return say_force(removes=removes, skips_drain=skips, count=len(rows))


def _say_how_to_confirm(working: int, count: int) -> str:
    who = "It is" if count == 1 else f"{working} of them are"
    if working == 1 < count:
        who = "1 of them is"
    return f"{who} running. Type {working} to confirm"


def _act_on(name: str, form: BulkForm) -> tuple[str, bool]:
    """Act on one server; return the message, and whether it was done."""
    try:
        return _carry_out(name, form), True
    except InvalidError as error:
        text = next(iter(error.fields.values()))[0] if error.fields else ""
        return text or error.message, False
    except FleetError as error:
        return error.message, False


def _carry_out(name: str, form: BulkForm) -> str:
    match form.act:
        case "terminate":
            left = terminate_server(name, force=form.cleaned_data["force"])
            return "Termination requested." if left else "Removed from the list."
        case "retry":
            retry_server(name)
            return "Retrying."
        case _:
            labels = form.cleaned_data["labels"]
            revise_labels(name, lambda old: {**old, **labels})
            return f"Labels set: {', '.join(f'{key}={labels[key]}' for key in labels)}."
