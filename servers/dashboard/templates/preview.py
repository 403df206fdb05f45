"""The user data that a template's servers get, without secrets."""

from typing import Any

from django.views.generic import TemplateView

from servers.access.reach import find_template
from servers.dashboard.shared.access import Page
from servers.operations.user_data import preview_user_data


class PreviewPage(Page, TemplateView):
    """Show what a create call would carry."""

    template_name = "templates/preview.html"
    permission_required = "servers.view_template"

    def get_context_data(self, **context: Any) -> dict[str, Any]:
        """Render the user data as for a server of the current version."""
        template = find_template(self.kwargs["name"])
        return super().get_context_data(**context) | {
            "template": template,
            "preview": preview_user_data(template),
        }
