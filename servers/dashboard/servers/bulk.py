"""Acts on many servers: ask once for all, then report the outcome of each.

The list's form posts the ticked names, and is answered with a page that asks (with
JavaScript it opens as a dialog). That page's form posts again, confirmed; what became
of each server is kept in the session, so that it can be shown, and shown again, behind
a redirect.
"""

from typing import Any, Final

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.generic import TemplateView

from servers.dashboard.access import find_next
from servers.dashboard.lines import LinesField
from servers.dashboard.live import Live
from servers.dashboard.messages import (
    BULK_VERBS,
    can_be_forced,
    say_what_is_lost,
    say_why_not_in_bulk,
)
from servers.dashboard.once import OnceForm
from servers.errors import FleetError, InvalidError
from servers.lifecycle.states import MOVING, State
from servers.models import Server
from servers.operations import retry_server, revise_labels, terminate_server
from servers.operations.labels import check_labels
from servers.selectors import list_servers

MOST: Final = 200
REPEATED: Final = "This was carried out before. Nothing was done twice."
_REPORT: Final = "act_report"


class BulkForm(OnceForm):
    """What is asked besides which servers and which act."""

    labels = LinesField(label="Labels to set")
    force = forms.BooleanField(required=False)
    confirm = forms.CharField(required=False, max_length=10)

    def __init__(self, data: Any = None, *, act: str, working: int = 0) -> None:
        super().__init__(data)
        self.act = act
        self.working = working
        self.fields["labels"].widget.attrs["autofocus"] = True

    def clean_labels(self) -> dict[str, str]:
        """Labels are needed to label, and must be such that a server may have."""
        labels: dict[str, str] = self.cleaned_data["labels"]
        if self.act == "label" and not labels:
            raise forms.ValidationError("Write at least one label.")
        if message := check_labels(labels):
            raise forms.ValidationError(message)
        return labels

    def clean_confirm(self) -> str:
        """The number of those that work, where some do."""
        typed: str = self.cleaned_data["confirm"].strip()
        if self.act == "terminate" and self.working and typed != str(self.working):
            raise forms.ValidationError(
                f"Nothing was done. Type {self.working}, the number of servers that "
                "work."
            )
        return typed


class ActOnServers(Live, TemplateView):
    """Ask, carry out, report."""

    template_name = "servers/act.html"

    def post(self, request: HttpRequest) -> HttpResponse:
        """Ask, or carry out what was confirmed."""
        if not request.user.has_perm("servers.change_server"):
            raise PermissionDenied
        act = request.POST.get("act", "")
        names = list(dict.fromkeys(request.POST.getlist("server")))
        if problem := _find_problem(act, names):
            messages.error(request, problem)
            return redirect(self._back)
        confirmed = request.POST.get("confirmed") == "yes"
        told = set(request.POST.getlist("working"))
        form = BulkForm(request.POST if confirmed else None, act=act, working=len(told))
        found = _find(names)
        if not confirmed or not form.is_valid():
            return self.render_to_response(self._ask(form, names, found))
        if form.is_repeated():
            messages.info(request, REPEATED)
            return redirect(self._back)
        rows = [_act_on(name, found.get(name), form, told=told) for name in names]
        request.session[_REPORT] = {
            "id": form.cleaned_data["once"][:16],
            "act": act,
            "rows": rows,
            "back": self._back,
        }
        url = reverse("act-on-servers")
        return redirect(f"{url}?report={request.session[_REPORT]['id']}")

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Show the last report."""
        kept = request.session.get(_REPORT)
        if kept is None or kept["id"] != request.GET.get("report"):
            messages.info(request, "That report is no longer kept.")
            return redirect("servers")
        self.template_name = "servers/report.html"
        return self.render_to_response(self._report(kept))

    @property
    def _back(self) -> str:
        return find_next(self.request) or reverse("servers")

    def _ask(
        self, form: BulkForm, names: list[str], found: dict[str, Server]
    ) -> dict[str, Any]:
        rows = [_preview(form.act, name, found.get(name)) for name in names]
        count = sum(not row["why_not"] for row in rows)
        verb = BULK_VERBS[form.act]
        what = "1 server" if count == 1 else f"{count} servers"
        working = [row["name"] for row in rows if row["works"]]
        form.fields["confirm"].label = _say_how_to_confirm(len(working), count)
        return self.get_context_data() | {
            "title": f"{verb} {what}?",
            "action_label": f"{verb} {what}",
            "action_url": reverse("act-on-servers"),
            "back": self._back,
            "keep_label": _say_no(form.act, count),
            "form": form,
            "act": form.act,
            "rows": rows,
            "count": count,
            "working": working,
            "can_be_forced": any(row["can_be_forced"] for row in rows),
        }

    def _report(self, kept: dict[str, Any]) -> dict[str, Any]:
        now = _find([row["name"] for row in kept["rows"]])
        rows = [row | {"server": now.get(row["name"])} for row in kept["rows"]]
        return self.get_context_data() | {
            "rows": rows,
            "done": sum(row["ok"] for row in rows),
            "verb": BULK_VERBS[kept["act"]],
            "back": kept["back"],
            "busy": any(server.state in MOVING for server in now.values()),
        }


def _find_problem(act: str, names: list[str]) -> str:
    if act not in BULK_VERBS:
        return "Nothing was done: there is no such act."
    if not names:
        return "Nothing was done: tick some servers first."
    if len(names) > MOST:
        return f"Nothing was done: tick at most {MOST} servers at once."
    return ""


def _find(names: list[str]) -> dict[str, Server]:
    """Return those that are there, by name. One query."""
    plain = [name for name in names if "\0" not in name]
    return {server.name: server for server in list_servers().filter(name__in=plain)}


def _preview(act: str, name: str, server: Server | None) -> dict[str, Any]:
    why_not = (
        say_why_not_in_bulk(act, server, known_to_work=True)
        if server
        else "It is no longer in the list."
    )
    return {
        "name": name[:63],
        "server": server,
        "why_not": why_not,
        "lost": say_what_is_lost(server) if server and act == "terminate" else "",
        "can_be_forced": server is not None and not why_not and can_be_forced(server),
        "works": act == "terminate"
        and server is not None
        and not why_not
        and server.state == State.RUNNING,
    }


def _say_how_to_confirm(working: int, count: int) -> str:
    who = "It works" if count == 1 else f"{working} of them work"
    if working == 1 < count:
        who += "s"
    return f"{who}. Type {working} to go on"


def _say_no(act: str, count: int) -> str:
    if not count:
        return "Back"
    if act != "terminate":
        return "Cancel"
    return "Keep it" if count == 1 else "Keep them"


def _act_on(
    name: str, server: Server | None, form: BulkForm, *, told: set[str]
) -> dict[str, Any]:
    """Act on one server; return its name, whether it was done, and what to say."""
    text, ok = "It is no longer in the list.", False
    if server is not None:
        text = say_why_not_in_bulk(form.act, server, known_to_work=name in told)
        if not text:
            try:
                text, ok = _carry_out(name, form), True
            except InvalidError as error:
                text = next(iter(error.fields.values()))[0] if error.fields else ""
                text = text or error.message
            except FleetError as error:
                text = error.message
    return {"name": name[:63], "ok": ok, "text": text}


def _carry_out(name: str, form: BulkForm) -> str:
    match form.act:
        case "terminate":
            left = terminate_server(name, force=form.cleaned_data["force"])
            return "Its end was asked for." if left else "It was removed from the list."
        case "retry":
            retry_server(name)
            return "It begins anew."
        case _:
            labels = form.cleaned_data["labels"]
            revise_labels(name, lambda old: {**old, **labels})
            return f"It has {', '.join(f'{key}={labels[key]}' for key in labels)} now."
