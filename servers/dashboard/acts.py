"""The pages that do something to the fleet: plain forms, one operation each."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.views.generic import View

from servers.dashboard.access import Page, go_back
from servers.errors import FleetError
from servers.operations import pause_fleet, resume_fleet

REPEATED = "This form was sent before, and was carried out then. Nothing was doubled."


class Pause(Page, View):
    """Stop automatic creation."""

    permission_required = "servers.change_fleet"

    def post(self, request: HttpRequest) -> HttpResponse:
        """Pause."""
        try:
            pause_fleet(note=request.POST.get("note", "").strip())
        except FleetError as error:
            messages.error(request, error.message)
        return go_back(request, "overview")


class Resume(Page, View):
    """Let automatic creation go on."""

    permission_required = "servers.change_fleet"

    def post(self, request: HttpRequest) -> HttpResponse:
        """Resume."""
        resume_fleet()
        return go_back(request, "overview")
