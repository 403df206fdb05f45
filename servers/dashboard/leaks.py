"""The Leaks page, and its buttons, each of which asks for confirmation."""

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.generic import TemplateView

from servers.access.reach import reach_rows
from servers.dashboard.shared.access import Page, carry_out
from servers.dashboard.shared.live import Live
from servers.models import Instance, Leftover
from servers.operations import adopt_stray, delete_leftover, destroy_held, destroy_stray
from servers.reports.leaks import LocationReport, Report, list_history, report_leaks
from servers.wording import count_of


class LeaksPage(Live, TemplateView):
    """Compare the instances at the clouds with the database's records."""

    template_name = "leaks/page.html"
    # Time alone can put an instance past its bound.
    bucket_seconds = 15
    stamps: ClassVar[tuple[str, ...]] = ("pages", "listings")

    def get_context_data(self, **context: Any) -> dict[str, Any]:
        """Create the report."""
        data = super().get_context_data(**context)
        report = report_leaks(now=data["now"])
        compared = [entry.location.compared_at for entry in report.locations]
        return data | {
            "report": report,
            # Locations that need a decision come first, then by name.
            "locations": sorted(report.locations, key=_is_calm),
            "live": sum(entry.live for entry in report.locations),
            "owned": sum(entry.owned for entry in report.locations),
            "waiting": sum(entry.waiting for entry in report.locations),
            "oldest": min((at for at in compared if at), default=None),
            "doubts": list(list_doubts(report)),
            "history": list_history(),
            "may_decide": self.request.user.has_perm("servers.change_fleet"),
            "busy": any(
                entry.unowned.total or entry.ending.total for entry in report.locations
            ),
        }


def _is_calm(entry: LocationReport) -> bool:
    return entry.is_clean and not entry.waiting


def list_doubts(report: Report) -> Iterator[str]:
    """Yield each reason why the report is not clean, as a sentence."""
    for entry in report.locations:
        if not entry.is_fresh:
            yield (
                f"{entry.location} has no fresh listing, so its state is unknown. Scan "
                "it now, or find out why its listings fail."
            )
        if entry.location.held:
            yield f"{entry.location}: {entry.location.held} instances need a decision."
        yield from _list_late(entry)


def _list_late(entry: LocationReport) -> Iterator[str]:
    for one, many, late in (
        (
            "unowned instance is",
            "unowned instances are",
            entry.unowned.outside,
        ),
        (
            "unconfirmed termination is",
            "unconfirmed terminations are",
            entry.ending.outside,
        ),
        ("leftover is", "leftovers are", entry.left.outside),
    ):
        if late:
            what = one if late == 1 else many
            yield f"{entry.location}: {late} {what} older than the bound."


class _Decide(Page, TemplateView):
    """Ask for one decision, then carry it out."""

    template_name = "leaks/decide.html"
    permission_required = "servers.change_fleet"
    style = "danger final"
    action_label = ""

    def ask(self) -> tuple[str, str]:
        """Return the title and the text of the question."""
        raise NotImplementedError

    def act(self, request: HttpRequest) -> str:
        """Do it; return the message to show."""
        raise NotImplementedError

    def get_fields(self) -> Mapping[str, str]:
        """Return the form's hidden fields."""
        return {}

    def get_context_data(self, **context: Any) -> dict[str, Any]:
        """Return the question."""
        title, text = self.ask()
        return super().get_context_data(**context) | {
            "title": title,
            "text": text,
            "style": self.style,
            "action_label": self.action_label,
            "fields": self.get_fields(),
            "back": reverse("leaks"),
        }

    def post(self, request: HttpRequest, **_: Any) -> HttpResponse:
        """Do it, or say why not."""
        carry_out(request, lambda: self.act(request))
        return redirect("leaks")

    def find(self, model: type[Instance] | type[Leftover]) -> Any:
        """Return the row that the URL names, or raise Http404."""
        row = reach_rows(model).select_related("account").filter(pk=self.kwargs["pk"])
        found = row.first()
        if found is None:
            raise Http404("It no longer exists.")
        return found


class Adopt(_Decide):
    """Create a server for an unknown instance."""

    style = "primary"
    action_label = "Adopt instance"

    def ask(self) -> tuple[str, str]:
        """Say what happens to it."""
        found = self.find(Instance)
        return f"Adopt {found.instance_id}?", (
            f"This instance in {found.account} becomes a server of this fleet, with "
            "the default template. Builds running on it continue."
        )

    def act(self, request: HttpRequest) -> str:
        """Adopt."""
        server = adopt_stray(self.kwargs["pk"])
        return f"Adopted as server {server.name}."


class Destroy(_Decide):
    """Have an instance destroyed."""

    action_label = "Destroy instance"

    def ask(self) -> tuple[str, str]:
        """Say what is lost."""
        found = self.find(Instance)
        return f"Destroy {found.instance_id}?", (
            f"This instance in {found.account} and everything on it will be destroyed. "
            "You can't undo this."
        )

    def act(self, request: HttpRequest) -> str:
        """Destroy."""
        destroy_stray(self.kwargs["pk"])
        return "The instance will be destroyed."


class Delete(_Decide):
    """Have a leftover deleted."""

    action_label = "Delete leftover"

    def ask(self) -> tuple[str, str]:
        """Say what is lost."""
        found = self.find(Leftover)
        return f"Delete {found.resource_id}?", (
            f"This {found.kind} in {found.account} no longer belongs to anything. Its "
            "contents can't be recovered."
        )

    def act(self, request: HttpRequest) -> str:
        """Delete."""
        delete_leftover(self.kwargs["pk"])
        return "The leftover will be deleted."


class DestroyHeld(_Decide):
    """Have all instances in a location destroyed that need a decision."""

    action_label = "Destroy all instances"

    def get_fields(self) -> Mapping[str, str]:
        """Return the location."""
        return {
            name: self.request.GET.get(name, "")[:100].replace("\0", "")
            for name in ("account", "region")
        }

    def ask(self) -> tuple[str, str]:
        """Say what is lost."""
        fields = self.get_fields()
        place = f"{fields['account']} {fields['region']}".strip()
        return f"Destroy all unowned instances in {place}?", (
            "Every instance there that no server owns will be destroyed, with "
            "everything on it. You can't undo this. If the database was restored or "
            "damaged, these may be servers that are missing from its records."
        )

    def act(self, request: HttpRequest) -> str:
        """Destroy them."""
        account, region = (
            request.POST.get(name, "")[:100].replace("\0", "")
            for name in ("account", "region")
        )
        count = destroy_held(account, region=region)
        return f"{count_of(count, 'instance')} will be destroyed."
