"""The pages that show: the list of servers, and one server."""

from typing import Any

from django.db.models import Q, QuerySet
from django.http import Http404
from django.views.generic import ListView, TemplateView

from servers.dashboard.live import Live
from servers.errors import NotFoundError
from servers.lifecycle.states import MOVING, State
from servers.models import Server
from servers.operations import find_leftovers
from servers.selectors import count_by_state, find_server, list_servers

PER_PAGE = 50
EVENTS_SHOWN = 100


class ServerList(Live, ListView):  # type: ignore[type-arg]
    """All servers, newest first, by state and by a search."""

    template_name = "servers/list.html"
    paginate_by = PER_PAGE
    context_object_name = "servers"

    def get_queryset(self) -> QuerySet[Server]:
        """Return the servers that the URL asks for."""
        servers = list_servers().select_related("account").order_by("-created_at")
        state = self.request.GET.get("state", "")
        if state in set(State):
            servers = servers.filter(state=state)
        words = self.request.GET.get("search", "").replace("\0", "")[:100].strip()
        if words:
            servers = servers.filter(
                Q(name__icontains=words)
                | Q(instance_id__icontains=words)
                | Q(address__icontains=words)
            )
        return servers

    def get_context_data(self, **context: Any) -> dict[str, Any]:
        """Add the tabs and the search."""
        data = super().get_context_data(**context)
        counts = count_by_state()
        tabs = [("", "all", sum(counts.values()))]
        tabs += [(state, state, counts[state]) for state in State if state in counts]
        moving = any(state in counts for state in MOVING)
        return data | {
            "tabs": tabs,
            "state": self.request.GET.get("state", ""),
            "search": self.request.GET.get("search", "")[:100],
            "busy": moving,
        }


class ServerPage(Live, TemplateView):
    """One server: what it is, why it waits, what happened."""

    template_name = "servers/detail.html"

    def get_context_data(self, **context: Any) -> dict[str, Any]:
        """Load the server and its history."""
        try:
            server = find_server(self.kwargs["name"])
        except NotFoundError as error:
            raise Http404(error.message) from None
        data = super().get_context_data(**context)
        return data | {
            "server": server,
            "history": server.events.order_by("-id")[:EVENTS_SHOWN],
            "attempts": server.attempts.select_related("account").order_by("-number"),
            "leftovers": find_leftovers(server) if server.state == State.ERROR else "",
            "busy": server.state in MOVING,
        }
