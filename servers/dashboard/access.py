"""Who may see and do what on the pages."""

from typing import Any

from django.contrib.auth.mixins import PermissionRequiredMixin
from django.db.models.functions import Now
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.http import url_has_allowed_host_and_scheme

from servers.models import Fleet


class Page(PermissionRequiredMixin):
    """A page for signed-in people; ``permission_required`` names the right it needs."""

    permission_required = "servers.view_server"
    request: HttpRequest

    def handle_no_permission(self) -> Any:
        """Ask strangers to sign in, and tell people what they may not."""
        self.raise_exception = self.request.user.is_authenticated
        return super().handle_no_permission()

    def get_context_data(self, **context: Any) -> dict[str, Any]:
        """Add what every page shows: the fleet, and the database's time."""
        data: dict[str, Any] = super().get_context_data(  # type: ignore[misc]
            **context
        )
        # One query for both. The clock is the database's, as in ledger.database_now.
        fleet = Fleet.objects.annotate(read_at=Now()).get()
        return data | {"fleet": fleet, "now": fleet.read_at}


def read_next(request: HttpRequest) -> str:
    """Return where a form or a link says that its reader comes from, or ""."""
    back = request.POST.get("next") or request.GET.get("next", "")
    return back if url_has_allowed_host_and_scheme(back, allowed_hosts=None) else ""


def go_back(request: HttpRequest, otherwise: str) -> HttpResponse:
    """Redirect to the page whose form names itself in ``next``, or to another."""
    return redirect(read_next(request) or otherwise)
