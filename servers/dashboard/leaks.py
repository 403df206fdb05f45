"""The page of the proof, and its buttons, each of which asks first."""

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.generic import TemplateView

from servers.dashboard.access import Page, carry_out
from servers.dashboard.live import Live
from servers.leaks import Report, ScopeReport, list_history, report_leaks
from servers.models import Instance, Leftover
from servers.operations import (
    adopt_stray,
    delete_leftover,
    destroy_held,
    destroy_stray,
)


class LeaksPage(Live, TemplateView):
    """What the clouds hold against what the rows account for."""

    template_name = "leaks/page.html"
    # What is inside of its bound now may be outside then.
    bucket_seconds = 15
    stamps: ClassVar[tuple[str, ...]] = ("pages", "listings")

    def get_context_data(self, **context: Any) -> dict[str, Any]:
        """Make the report."""
        data = super().get_context_data(**context)
        report = report_leaks(now=data["now"])
        compared = [entry.scope.compared_at for entry in report.scopes]
        return data | {
            "report": report,
            # What needs a person first; else by name.
            "scopes": sorted(report.scopes, key=_is_calm),
            "live": sum(entry.live for entry in report.scopes),
            "owned": sum(entry.owned for entry in report.scopes),
            "waiting": sum(entry.waiting for entry in report.scopes),
            "oldest": min((at for at in compared if at), default=None),
            "doubts": list(list_doubts(report)),
            "history": list_history(),
            "may_decide": self.request.user.has_perm("servers.change_fleet"),
            "busy": any(
                entry.unowned.total or entry.ending.total for entry in report.scopes
            ),
        }


def _is_calm(entry: ScopeReport) -> bool:
    return entry.is_clean and not entry.waiting


def list_doubts(report: Report) -> Iterator[str]:
    """Yield why the report is not clean, a sentence each."""
    for entry in report.scopes:
        if not entry.is_fresh:
            yield (
                f"{entry.scope} has no fresh listing, so nothing is known of it. Scan "
                "it now, or look why its listings fail."
            )
        if entry.scope.held:
            yield f"{entry.scope}: {entry.scope.held} instances wait for a person."
        yield from _list_late(entry)


def _list_late(entry: ScopeReport) -> Iterator[str]:
    for one, many, late in (
        (
            "instance that no server owns is",
            "instances that no server owns are",
            entry.unowned.outside,
        ),
        (
            "end that is not proven is",
            "ends that are not proven are",
            entry.ending.outside,
        ),
        ("thing left behind is", "things left behind are", entry.left.outside),
    ):
        if late:
            what = one if late == 1 else many
            yield f"{entry.scope}: {late} {what} older than the bound."


class _Decide(Page, TemplateView):
    """One decision about what waits for a person: a question, then the act."""

    template_name = "leaks/decide.html"
    permission_required = "servers.change_fleet"
    style = "danger final"
    action_label = ""
    keep_label = "Keep it"

    def ask(self) -> tuple[str, str]:
        """Return the title and the text of the question."""
        raise NotImplementedError

    def act(self, request: HttpRequest) -> str:
        """Do it; return what is to be said."""
        raise NotImplementedError

    def get_fields(self) -> Mapping[str, str]:
        """Return what the form carries."""
        return {}

    def get_context_data(self, **context: Any) -> dict[str, Any]:
        """Ask."""
        title, text = self.ask()
        return super().get_context_data(**context) | {
            "title": title,
            "text": text,
            "style": self.style,
            "action_label": self.action_label,
            "action_url": self.request.path,
            "fields": self.get_fields(),
            "back": reverse("leaks"),
            "keep_label": self.keep_label,
        }

    def post(self, request: HttpRequest, **_: Any) -> HttpResponse:
        """Do it, or say why not."""
        carry_out(request, lambda: self.act(request))
        return redirect("leaks")

    def find(self, model: type[Instance] | type[Leftover]) -> Any:
        """Return the row that the address names; 404 where it is gone."""
        row = model.objects.select_related("account").filter(pk=self.kwargs["pk"])
        found = row.first()
        if found is None:
            raise Http404("It is not there any more.")
        return found


class Adopt(_Decide):
    """Make a server of it."""

    style = "primary"
    action_label = "Adopt"
    keep_label = "Cancel"

    def ask(self) -> tuple[str, str]:
        """Say what becomes of it."""
        found = self.find(Instance)
        return f"Adopt {found.instance_id}?", (
            f"It lives at {found.account}, and becomes a server of this fleet by the "
            "default template. Its builds, if it has any, go on."
        )

    def act(self, request: HttpRequest) -> str:
        """Adopt."""
        server = adopt_stray(self.kwargs["pk"])
        return f"It is the server {server.name} of the fleet now."


class Destroy(_Decide):
    """Have it destroyed."""

    action_label = "Destroy"

    def ask(self) -> tuple[str, str]:
        """Say what is lost."""
        found = self.find(Instance)
        return f"Destroy {found.instance_id}?", (
            f"It lives at {found.account}, and everything on it will be destroyed. "
            "That can't be undone."
        )

    def act(self, request: HttpRequest) -> str:
        """Destroy."""
        destroy_stray(self.kwargs["pk"])
        return "It will be destroyed."


class Delete(_Decide):
    """Have what was left behind deleted."""

    action_label = "Delete"

    def ask(self) -> tuple[str, str]:
        """Say what is lost."""
        found = self.find(Leftover)
        return f"Delete {found.resource_id}?", (
            f"A {found.kind} at {found.account} that belongs to nothing any more. "
            "What is on it can't be brought back."
        )

    def act(self, request: HttpRequest) -> str:
        """Delete."""
        delete_leftover(self.kwargs["pk"])
        return "It will be deleted."


class DestroyHeld(_Decide):
    """Have all of a scope destroyed that waits for a person."""

    action_label = "Destroy all"
    keep_label = "Keep them"

    def get_fields(self) -> Mapping[str, str]:
        """Return which scope is meant."""
        return {
            name: self.request.GET.get(name, "")[:100].replace("\0", "")
            for name in ("account", "region")
        }

    def ask(self) -> tuple[str, str]:
        """Say what is lost."""
        fields = self.get_fields()
        place = f"{fields['account']} {fields['region']}".strip()
        return f"Destroy all that waits at {place}?", (
            "Each instance there that no server owns will be destroyed, with "
            "everything on it. That can't be undone. If the database was restored or "
            "damaged, they may well be servers that it has forgotten."
        )

    def act(self, request: HttpRequest) -> str:
        """Destroy them."""
        account, region = (
            request.POST.get(name, "")[:100].replace("\0", "")
            for name in ("account", "region")
        )
        count = destroy_held(account, region=region)
        return f"{count} will be destroyed."
