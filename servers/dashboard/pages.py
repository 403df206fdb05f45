"""The first page."""

from typing import Any

from django.views.generic import TemplateView

from servers.dashboard.live import Live
from servers.lifecycle.states import MOVING, State
from servers.selectors import count_by_state


class Overview(Live, TemplateView):
    """What is there, at a glance."""

    template_name = "overview.html"

    def get_context_data(self, **context: Any) -> dict[str, Any]:
        """Count the servers by state."""
        counts = count_by_state()
        return super().get_context_data(**context) | {
            "counts": [(state.value, counts.get(state, 0)) for state in State],
            "busy": any(state in counts for state in MOVING),
        }
