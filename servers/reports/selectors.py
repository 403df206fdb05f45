"""Reads for the API, the pages and the metrics."""

import json
from collections.abc import Mapping
from typing import Any, ClassVar
from uuid import UUID

import django_filters
from django.db.models import Count, F, Func, Q, QuerySet, TextField, Value
from django.db.models.functions import Now

from servers.access.reach import all_servers, by_name, reach_servers
from servers.errors import NotFoundError
from servers.models import Fleet, Server


class _LabelText(Func):
    """A label's value as text. Django would take a name of digits for an index."""

    function = "jsonb_extract_path_text"

    def __init__(self, name: str) -> None:
        super().__init__(F("labels"), Value(name), output_field=TextField())
        self.name = name

    def as_sqlite(self, compiler: Any, connection: Any, **context: Any) -> Any:
        """Pass SQLite's function a path, in which the name is quoted."""
        copy = self.copy()
        copy.set_source_expressions(
            # Older SQLite versions compare the name as written, including escapes.
            [copy.get_source_expressions()[0], Value(f"$.{json.dumps(self.name)}")]
        )
        return copy.as_sql(compiler, connection, function="JSON_EXTRACT", **context)


def list_servers() -> QuerySet[Server]:
    """Return the visible servers, oldest first."""
    return reach_servers().filter(hidden=False).order_by("created_at", "id")


def with_label(
    rows: QuerySet[Server], *labels: tuple[str, str | None]
) -> QuerySet[Server]:
    """Return the rows that have any of the labels. A value of None matches all values.

    Each name must be a valid label name, since SQLite uses it in a path.
    """
    wanted = Q(pk__in=[])
    for number, (name, value) in enumerate(labels):
        column = f"_label{number}"
        rows = rows.annotate(**{column: _LabelText(name)})
        wanted |= Q(
            **{f"{column}__isnull": False} if value is None else {column: value}
        )
    return rows.filter(wanted)


def with_words(rows: QuerySet[Server], words: str) -> QuerySet[Server]:
    """Return the rows with ``words`` in their name, address or instance id."""
    return rows.filter(
        Q(name__icontains=words)
        | Q(address__icontains=words)
        | Q(instance_id__icontains=words)
    )


def find_server(name: str) -> Server:
    """Return the visible server of a name; raise NotFoundError if there is none."""
    server = (
        _by_name(name).select_related("account", "template", "recipe", "pool").first()
    )
    if server is None:
        raise NotFoundError.named("server", name)
    return server


def find_key(name: str) -> tuple[UUID, int]:
    """Return the id and version of the visible server of a name, or NotFoundError."""
    key: tuple[UUID, int] | None = _by_name(name).values_list("pk", "version").first()
    if key is None:
        raise NotFoundError.named("server", name)
    return key


def _by_name(name: str) -> QuerySet[Server]:
    return by_name(reach_servers(), name).filter(hidden=False)


def count_by_state() -> dict[str, int]:
    """Return the number of visible servers in each state that has any.

    Whoever asks: the metrics are about the whole fleet.
    """
    return dict(
        all_servers()
        .filter(hidden=False)
        .order_by()
        .values_list("state")
        .annotate(Count("id"))
    )


def is_paused() -> bool:
    """Tell whether the pause flag is set and has not expired."""
    return Fleet.objects.filter(
        Q(paused_until__isnull=True) | Q(paused_until__gt=Now()), paused=True
    ).exists()


class ServerFilter(django_filters.FilterSet):  # type: ignore[misc]
    """The filters that the API's list and the pages share. "" matches all."""

    account = django_filters.CharFilter(field_name="account__name")
    template = django_filters.CharFilter(field_name="template__name")
    pool = django_filters.CharFilter(field_name="pool__name")
    provider = django_filters.CharFilter()
    region = django_filters.CharFilter()
    size = django_filters.CharFilter()
    search = django_filters.CharFilter(method="by_words")

    class Meta:
        model = Server
        fields: ClassVar[list[str]] = []

    def by_words(
        self, rows: QuerySet[Server], _name: str, words: str
    ) -> QuerySet[Server]:
        """Keep servers with the words in their name, address or instance id."""
        return with_words(rows, words)


def match_servers(rows: QuerySet[Server], given: Mapping[str, str]) -> QuerySet[Server]:
    """Return the rows that match ``given`` by ServerFilter; other names are ignored."""
    found: QuerySet[Server] = ServerFilter(given, queryset=rows).qs
    return found
