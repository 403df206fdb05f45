"""Reads for the API, the pages and the metrics."""

from django.db.models import Count, QuerySet

from servers.errors import NotFoundError
from servers.models import Fleet, Server

MOST_NAME = 63


def list_servers() -> QuerySet[Server]:
    """Return the visible servers, oldest first."""
    return Server.objects.filter(hidden=False).order_by("created_at", "id")


def find_server(name: str) -> Server:
    """Return the visible server of a name; raise NotFoundError."""
    server = None
    # SQLite and PostgreSQL differ on NUL; neither can have stored one.
    if len(name) <= MOST_NAME and "\0" not in name:
        server = (
            Server.objects.filter(name=name, hidden=False)
            .select_related("account", "template", "recipe__account")
            .first()
        )
    if server is None:
        raise NotFoundError(f"There is no server named {name[:80]!r}.")
    return server


def count_by_state() -> dict[str, int]:
    """Return the number of visible servers in each state that has any."""
    return dict(
        Server.objects.filter(hidden=False)
        .order_by()
        .values_list("state")
        .annotate(Count("id"))
    )


def is_paused() -> bool:
    """Tell whether automatic creation is paused."""
    return Fleet.objects.values_list("paused", flat=True).get()
