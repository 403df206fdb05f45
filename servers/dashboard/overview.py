"""The overview: what needs attention, the servers by state, and recent figures."""

from typing import Any, Final

from django.db.models import Count, Q, Sum
from django.views.generic import TemplateView

from servers.access.reach import reach_servers
from servers.dashboard.shared.first_step import find_first_step
from servers.dashboard.shared.helps import say_helps
from servers.dashboard.shared.live import COSTS_SECONDS, Live
from servers.dashboard.shared.messages import say_failure
from servers.lifecycle.states import BOOTING, MOVING, State
from servers.reports.attention.load import list_attention, read_moment
from servers.reports.costs import recent_spending
from servers.reports.overview import RANGES, find_range, recent_overview

# Even if nothing moves, a process may stop responding.
IDLE_SECONDS: Final = 4


class Overview(Live, TemplateView):
    """Show the fleet at a glance."""

    template_name = "overview/page.html"
    bucket_seconds = COSTS_SECONDS

    def read_moment(self) -> tuple[object, ...] | None:
        """Let the tag also move with what time alone changes."""
        return read_moment()

    def get_context_data(self, **context: Any) -> dict[str, Any]:
        """Load all parts. The number of queries is the same for any fleet."""
        data = super().get_context_data(**context)
        now, user = data["now"], self.request.user
        counts, capacity, cordoned = _count_servers()
        figures = recent_overview(
            find_range(self.request.GET.get("range", "")), now=now
        )
        spending = recent_spending(now=now)
        items = list_attention(data["fleet"], now=now, boots=figures.boots)
        return data | {
            "items": [(item, list(say_helps(item, user))) for item in items],
            "counts": [(state.value, counts.get(state, 0)) for state in State],
            "total": sum(counts.values()),
            "ready": capacity.get(State.RUNNING, 0) - cordoned,
            "cordoned": cordoned,
            "coming": sum(capacity.get(state, 0) for state in BOOTING),
            "booting": sum(counts.get(state, 0) for state in BOOTING),
            "figures": figures,
            "costs": spending.of_all(),
            "costs_at": spending.at,
            "failures": [
                (say_failure(name), count, round(100 * count / figures.failed))
                for name, count in figures.failures[:8]
            ],
            "ranges": RANGES,
            "first_step": find_first_step,
            "busy": any(state in counts for state in MOVING),
            "idle_seconds": IDLE_SECONDS,
        }


def _count_servers() -> tuple[dict[str, int], dict[str, int], int]:
    """Return how many servers there are in each state, and their capacity.

    And the capacity of those that run, but get no new builds.
    """
    rows = list(
        reach_servers()
        .filter(hidden=False)
        .order_by()
        .values_list("state")
        .annotate(
            count=Count("id"),
            unused=Sum("capacity", filter=Q(cordoned=True), default=0),
            capacity=Sum("capacity"),
        )
    )
    return (
        {state: count for state, count, _, _ in rows},
        {state: capacity for state, _, _, capacity in rows},
        sum(unused for state, _, unused, _ in rows if state == State.RUNNING),
    )
