"""The Leaks page, and its buttons, each of which asks for confirmation."""

from collections.abc import Iterator
from typing import Any, ClassVar

from django.http import Http404, QueryDict
from django.views.generic import TemplateView

from servers.access.reach import reach_rows
from servers.dashboard.shared.acting import Ask
from servers.dashboard.shared.live import Live
from servers.models import Instance, Leftover
from servers.operations.unowned import (
    adopt_unowned,
    delete_leftover,
    destroy_held,
    destroy_unowned,
)
from servers.reports.leaks.load import list_history, report_leaks
from servers.reports.leaks.shapes import LocationReport, Report
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
            "locations": sorted(
                report.locations, key=lambda entry: entry.is_clean and not entry.waiting
            ),
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
    for what, late in (
        ("unowned instance", entry.unowned.outside),
        ("unconfirmed termination", entry.ending.outside),
        ("leftover", entry.left.outside),
    ):
        if late:
            they = f"{count_of(late, what)} {'is' if late == 1 else 'are'}"
            yield f"{entry.location}: {they} older than the bound."


class _Decide(Ask):
    """Ask for one decision, then carry it out."""

    template_name = "leaks/decide.html"
    permission_required = "servers.change_fleet"
    listing = "leaks"
    style = "danger final"
    model: type[Instance] | type[Leftover] = Instance

    def find_row(self) -> Any:
        """Return the row that the URL names, or raise Http404."""
        rows = reach_rows(self.model).select_related("account")
        found = rows.filter(pk=self.kwargs["pk"]).first()
        if found is None:
            raise Http404("It no longer exists.")
        return found

    def get_context_data(self, **context: Any) -> dict[str, Any]:
        """Add how the button looks."""
        return super().get_context_data(**context) | {"style": self.style}


class Adopt(_Decide):
    """Create a server for an unknown instance."""

    style = "primary"
    title = "Adopt {row}?"
    text = (
        "This instance in {row.account} becomes a server of this fleet, with the "
        "default template. Builds running on it continue."
    )
    action_label = "Adopt instance"

    def act(self) -> str:
        """Adopt."""
        server = adopt_unowned(self.kwargs["pk"])
        return f"Adopted as server {server.name}."


class Destroy(_Decide):
    """Have an instance destroyed."""

    title = "Destroy {row}?"
    text = (
        "This instance in {row.account} and everything on it will be destroyed. You "
        "can't undo this."
    )
    action_label = "Destroy instance"

    def act(self) -> str:
        """Destroy."""
        destroy_unowned(self.kwargs["pk"])
        return "The instance will be destroyed."


class Delete(_Decide):
    """Have a leftover deleted."""

    model = Leftover
    title = "Delete {row}?"
    text = (
        "This {row.kind} in {row.account} no longer belongs to anything. Its contents "
        "can't be recovered."
    )
    action_label = "Delete leftover"

    def act(self) -> str:
        """Delete."""
        delete_leftover(self.kwargs["pk"])
        return "The leftover will be deleted."


class DestroyHeld(_Decide):
    """Have all instances in a location destroyed that need a decision."""

    title = "Destroy all unowned instances in {row}?"
    text = (
        "Every instance there that no server owns will be destroyed, with everything "
        "on it. You can't undo this. If the database was restored or damaged, these "
        "may be servers that are missing from its records."
    )
    action_label = "Destroy all instances"

    def find_row(self) -> str:
        """Return the location, which need not exist."""
        return " ".join(_read_location(self.request.GET).values()).strip()

    def get_context_data(self, **context: Any) -> dict[str, Any]:
        """Add the hidden fields, which name the location."""
        fields = _read_location(self.request.GET)
        return super().get_context_data(**context) | {"fields": fields}

    def act(self) -> str:
        """Destroy them."""
        count = destroy_held(**_read_location(self.request.POST))
        return f"{count_of(count, 'instance')} will be destroyed."


def _read_location(given: QueryDict) -> dict[str, str]:
    names = ("account", "region")
    return {name: given.get(name, "")[:100].replace("\0", "") for name in names}
