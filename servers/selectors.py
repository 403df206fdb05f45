"""Reads for the API, the pages and the metrics."""

from uuid import UUID

from django.db.models import Count, Q, QuerySet
from django.db.models.functions import Now

from servers.errors import NotFoundError
from servers.models import Fleet, Server

MOST_NAME = 63


def list_servers() -> QuerySet[Server]:
    """Return the visible servers, oldest first."""
    return Server.objects.filter(hidden=False).order_by("created_at", "id")


def find_server(name: str) -> Server:
    """Return the visible server of a name; raise NotFoundError."""
    server = (
        _by_name(name).select_related("account", "template", "recipe__account").first()
    )
    if server is None:
        raise _no_server(name)
    return server


def find_key(name: str) -> tuple[UUID, int]:
    """Return the id and version of the visible server of a name; NotFoundError."""
    key: tuple[UUID, int] | None = _by_name(name).values_list("pk", "version").first()
    if key is None:
        raise _no_server(name)
    return key


def _by_name(name: str) -> QuerySet[Server]:
    # SQLite and PostgreSQL differ on NUL; neither can have stored one.
    if len(name) > MOST_NAME or "\0" in name:
        return Server.objects.none()
    return Server.objects.filter(name=name, hidden=False)


def _no_server(name: str) -> NotFoundError:
    return NotFoundError(f"There is no server named {name[:80]!r}.")


def count_by_state() -> dict[str, int]:
    """Return the number of visible servers in each state that has any."""
    return dict(
        Server.objects.filter(hidden=False)
        .order_by()
        .values_list("state")
        .annotate(Count("id"))
    )


def is_paused() -> bool:
    """Tell whether automatic creation is paused; a pause ends at its last moment."""
    return Fleet.objects.filter(
        Q(paused_until__isnull=True) | Q(paused_until__gt=Now()), paused=True
    ).exists()
