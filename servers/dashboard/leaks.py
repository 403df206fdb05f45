"""The page of the proof, and its buttons."""

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.generic import TemplateView, View

from servers.dashboard.access import Page
from servers.dashboard.live import Live
from servers.errors import FleetError
from servers.leaks import list_history, report_leaks
from servers.operations import (
    adopt_stray,
    delete_leftover,
    destroy_held,
    destroy_stray,
)


class LeaksPage(Live, TemplateView):
    """What the clouds hold against what the rows account for."""

    template_name = "leaks.html"
    bucket_seconds = 15  # what is inside of its bound now may be outside then

    def get_context_data(self, **context: Any) -> dict[str, Any]:
        """Make the report."""
        data = super().get_context_data(**context)
        return data | {
            "report": report_leaks(now=data["now"]),
            "history": list_history(),
            "may_decide": self.request.user.has_perm("servers.change_fleet"),
        }


class _Decide(Page, View):
    """One decision about one instance that waits for a person."""

    permission_required = "servers.change_fleet"

    def decide(
        self, request: HttpRequest, act: Callable[[int], object], pk: int, done: str
    ) -> HttpResponse:
        try:
            act(pk)
        except FleetError as error:
            messages.error(request, error.message)
        else:
            messages.success(request, done)
        return redirect("leaks")


class Adopt(_Decide):
    """Make a server of it."""

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Adopt."""
        return self.decide(request, adopt_stray, pk, "It is a server of the fleet now.")


class Destroy(_Decide):
    """Have it destroyed."""

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Destroy."""
        return self.decide(request, destroy_stray, pk, "It will be destroyed.")


class Delete(_Decide):
    """Have what was left behind deleted."""

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Delete."""
        return self.decide(request, delete_leftover, pk, "It will be deleted.")


class DestroyHeld(Page, View):
    """Have all of a scope destroyed that waits for a person."""

    permission_required = "servers.change_fleet"

    def post(self, request: HttpRequest) -> HttpResponse:
        """Destroy them."""
        try:
            count = destroy_held(
                request.POST.get("account", ""), region=request.POST.get("region", "")
            )
        except FleetError as error:
            messages.error(request, error.message)
        else:
            messages.success(request, f"{count} will be destroyed.")
        return redirect("leaks")
