"""Who may see and do what on the pages."""

from typing import Any

from django.contrib.auth.mixins import PermissionRequiredMixin
from django.http import HttpRequest

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
        """Add what every page shows."""
        data: dict[str, Any] = super().get_context_data(  # type: ignore[misc]
            **context
        )
        data["fleet"] = Fleet.objects.get()
        data["may_write"] = self.request.user.has_perm("servers.change_server")
        return data
