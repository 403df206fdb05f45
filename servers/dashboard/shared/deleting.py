"""The page that asks before it deletes one row, or says why it can't be deleted."""

from typing import Any, ClassVar

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.generic import TemplateView

from servers.dashboard.shared.access import Page, carry_out


class Delete(Page, TemplateView):
    """Delete a row with a name; ``page`` and ``listing`` name URLs."""

    template_name = "delete.html"
    page: ClassVar[str]
    listing: ClassVar[str]

    def find(self, name: str) -> Any:
        """Return the row, or raise NotFoundError."""
        raise NotImplementedError

    def explain_kept(self, row: Any) -> str:
        """Return why it can't be deleted now, or ""."""
        raise NotImplementedError

    def explain_cost(self, row: Any) -> str:
        """Return what is lost with it, as a sentence."""
        raise NotImplementedError

    def delete(self, row: Any) -> None:
        """Delete it, or raise a FleetError."""
        raise NotImplementedError

    def get_context_data(self, **context: Any) -> dict[str, Any]:
        """Say what is lost, or why it can't be deleted."""
        row = self.find(self.kwargs["name"])
        kept = self.explain_kept(row)
        return super().get_context_data(**context) | {
            "kept": kept,
            "cost": self.explain_cost(row),
            "keep_label": "Back" if kept else "",
            "title": f"Delete {row.name}?",
            "action_label": "Delete",
            "back": reverse(self.page, args=[row.name]),
        }

    def post(self, request: HttpRequest, name: str) -> HttpResponse:
        """Delete the row."""
        row = self.find(name)

        def delete() -> str:
            self.delete(row)
            return f"{name} was deleted."

        if carry_out(request, delete):
            return redirect(self.listing)
        return redirect(self.page, name)
