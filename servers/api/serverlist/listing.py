"""Filters, order and pages of ``GET /api/servers``, which returns a bare array."""

from datetime import UTC, datetime
from typing import Any, ClassVar, Final
from urllib.parse import urlencode

import django_filters
from django.db.models import QuerySet
from django.utils.dateparse import parse_datetime
from django.utils.timezone import is_naive, make_aware
from rest_framework.request import Request

from servers.errors import InvalidError
from servers.lifecycle.states import State
from servers.models import Server
from servers.operations.labels import MOST_LABEL_FILTER, read_label_filter
from servers.reports.selectors import with_label, with_words

MOST_LIMIT: Final = 1000
MOST_TEXT: Final = 255
MOST_OFFSET: Final = 10_000_000
ORDERINGS: Final = ("created", "updated", "name", "state")
_COLUMNS: Final = {"created": "created_at", "updated": "updated_at"}
_PAGING: Final = frozenset({"limit", "offset", "ordering"})


class ServerFilter(django_filters.FilterSet):  # type: ignore[misc]
    """The filters of the list. Each can be given once; all given ones apply."""

    state = django_filters.CharFilter(method="by_state")
    provider = django_filters.CharFilter()
    region = django_filters.CharFilter()
    size = django_filters.CharFilter()
    account = django_filters.CharFilter(field_name="account__name")
    template = django_filters.CharFilter(field_name="template__name")
    label = django_filters.CharFilter(method="by_label")
    search = django_filters.CharFilter(method="by_text")
    created_after = django_filters.CharFilter(method="by_age")

    class Meta:
        model = Server
        fields: ClassVar[list[str]] = []

    def by_state(self, rows: Any, _name: str, value: str) -> Any:
        """Keep one or more states, separated by commas."""
        states = value.split(",")
        known = [state.value for state in State]
        for state in states:
            if state not in known:
                raise _refuse(
                    "state", f"Use any of {', '.join(known)}, separated by commas."
                )
        return rows.filter(state__in=states)

    def by_label(self, rows: Any, _name: str, value: str) -> Any:
        """Keep one label, ``name`` or ``name:value``. Each must match whole."""
        if not (labels := read_label_filter(value)):
            raise _refuse(
                "label",
                "Use name or name:value, with a name and a value that a label can "
                "have.",
            )
        return with_label(rows, *labels)

    def by_text(self, rows: Any, _name: str, value: str) -> Any:
        """Search in the name, address and instance id."""
        return with_words(rows, value)

    def by_age(self, rows: Any, _name: str, value: str) -> Any:
        """Keep servers created after a time in Unix seconds or ISO 8601."""
        return rows.filter(created_at__gt=_read_time(value))


def select_servers(
    rows: QuerySet[Server], request: Request
) -> tuple[QuerySet[Server], dict[str, str]]:
    """Return the rows that a request selects, and the headers of its page.

    Raises InvalidError for an unknown parameter or a wrong value.
    """
    given = _read_parameters(request)
    filters = {name: text for name, text in given.items() if name not in _PAGING}
    rows = ServerFilter(filters, queryset=rows).qs
    rows = _order(rows, given.get("ordering"))
    if "limit" not in given and "offset" not in given:
        return rows, {}
    limit = _read_number("limit", given.get("limit", str(MOST_LIMIT)), 1, MOST_LIMIT)
    offset = _read_number("offset", given.get("offset", "0"), 0, MOST_OFFSET)
    total = rows.count()
    headers = {"X-Total-Count": str(total)}
    if link := _link(request, given, limit=limit, offset=offset, total=total):
        headers["Link"] = link
    return rows[offset : offset + limit], headers


def _read_parameters(request: Request) -> dict[str, str]:
    known = {*ServerFilter.base_filters, *_PAGING}
    given = {}
    for name, texts in request.query_params.lists():
        if name not in known:
            raise _refuse(
                name[:80],
                f"Unknown parameter. Use any of {', '.join(sorted(known))}.",
            )
        (text, *more) = texts
        most = MOST_LABEL_FILTER if name == "label" else MOST_TEXT
        if more or not text or len(text) > most or not text.isprintable():
            raise _refuse(
                name, f"Send it only once, with 1 to {most} printable characters."
            )
        given[name] = text
    return given


def _order(rows: QuerySet[Server], ordering: str | None) -> QuerySet[Server]:
    if ordering is None:
        return rows
    name = ordering.removeprefix("-")
    if name not in ORDERINGS:
        raise _refuse(
            "ordering", f"Use one of {', '.join(ORDERINGS)}, or - and one of them."
        )
    sign = "-" if ordering.startswith("-") else ""
    # The id makes the order unique, so that pages neither repeat nor skip a row.
    return rows.order_by(f"{sign}{_COLUMNS.get(name, name)}", f"{sign}id")


def _link(
    request: Request, given: dict[str, str], *, limit: int, offset: int, total: int
) -> str:
    """Return the Link header (RFC 8288) with the existing pages."""
    last = max(0, (total - 1) // limit * limit)
    targets: dict[str, int | None] = {
        "first": 0,
        "prev": None,
        "next": None,
        "last": last,
    }
    if offset > 0:
        targets["prev"] = max(0, min(offset, total) - limit)
    if offset + limit < total:
        targets["next"] = offset + limit
    base = request.build_absolute_uri(request.path)
    return ", ".join(
        f'<{base}?{urlencode({**given, "limit": limit, "offset": start})}>; rel="{rel}"'
        for rel, start in targets.items()
        if start is not None
    )


def _read_number(name: str, text: str, least: int, most: int) -> int:
    if text.isascii() and text.isdigit() and len(text) < 10:
        number = int(text)
        if least <= number <= most:
            return number
    raise _refuse(name, f"Use a whole number from {least} to {most}.")


def _read_time(text: str) -> datetime:
    if text.isascii() and text.isdigit() and len(text) <= 10:
        return datetime.fromtimestamp(int(text), UTC)
    try:
        at = parse_datetime(text)
    except ValueError:
        at = None
    if at is None:
        raise _refuse(
            "created_after", "Use Unix seconds or a time such as 2026-01-31T12:00:00Z."
        )
    return make_aware(at) if is_naive(at) else at


def _refuse(name: str, message: str) -> InvalidError:
    return InvalidError(f"{name}: {message}", fields={name: [message]})
