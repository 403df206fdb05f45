"""Filters, order and pages of ``GET /api/servers``, which returns a bare array."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final
from urllib.parse import urlencode

from django.db.models import QuerySet
from django.utils.dateparse import parse_datetime
from django.utils.timezone import is_naive, make_aware
from rest_framework.request import Request

from servers.api.shared.parameters import FALSE, TRUE, read_number, refuse
from servers.lifecycle.states import State
from servers.models import Server
from servers.operations.labels import MAX_LABEL_FILTER, read_label_filter
from servers.reports.selectors import ServerFilter, match_servers, with_label

MAX_LIMIT: Final = 1000
MAX_TEXT: Final = 255
MAX_OFFSET: Final = 10_000_000
ORDERINGS: Final = ("created", "updated", "name", "state")
_COLUMNS: Final = {"created": "created_at", "updated": "updated_at"}
# Each can be given once. All given filters apply.
_KNOWN: Final = frozenset(
    {*ServerFilter.base_filters, "state", "label", "cordoned", "created_after"}
    | {"limit", "offset", "ordering"}
)


def select_servers(
    rows: QuerySet[Server], request: Request
) -> tuple[QuerySet[Server], dict[str, str]]:
    """Return the rows that a request selects, and the headers of its page.

    Raises InvalidError for an unknown parameter or a wrong value.
    """
    given = _read_parameters(request)
    rows = _filter(rows, {name: text.strip() for name, text in given.items()})
    rows = _order(rows, given.get("ordering"))
    if "limit" not in given and "offset" not in given:
        return rows, {}
    limit = read_number("limit", given.get("limit", str(MAX_LIMIT)), 1, MAX_LIMIT)
    offset = read_number("offset", given.get("offset", "0"), 0, MAX_OFFSET)
    total = rows.count()
    headers = {"X-Total-Count": str(total)}
    if link := _link(request, given, limit=limit, offset=offset, total=total):
        headers["Link"] = link
    return rows[offset : offset + limit], headers


def _filter(rows: QuerySet[Server], given: Mapping[str, str]) -> QuerySet[Server]:
    """Return the rows that match all filters; InvalidError for a wrong value."""
    rows = match_servers(rows, given)
    if states := given.get("state"):
        rows = rows.filter(state__in=_read_states(states))
    if label := given.get("label"):
        if not (labels := read_label_filter(label)):
            raise refuse(
                "label",
                "Use name or name:value, with a name and a value that a label can "
                "have.",
            )
        rows = with_label(rows, *labels)
    if cordoned := given.get("cordoned"):
        rows = rows.filter(cordoned=_read_flag("cordoned", cordoned))
    if after := given.get("created_after"):
        rows = rows.filter(created_at__gt=_read_time(after))
    return rows


def _read_states(text: str) -> list[str]:
    states, known = text.split(","), [state.value for state in State]
    if not set(states) <= set(known):
        raise refuse("state", f"Use any of {', '.join(known)}, separated by commas.")
    return states


def _read_flag(name: str, text: str) -> bool:
    if text not in TRUE | FALSE:
        raise refuse(name, "Use true or false.")
    return text in TRUE


def _read_parameters(request: Request) -> dict[str, str]:
    given = {}
    for name, texts in request.query_params.lists():
        if name not in _KNOWN:
            raise refuse(
                name[:80],
                f"Unknown parameter. Use any of {', '.join(sorted(_KNOWN))}.",
            )
        (text, *more) = texts
        most = MAX_LABEL_FILTER if name == "label" else MAX_TEXT
        if more or not text or len(text) > most or not text.isprintable():
            raise refuse(
                name, f"Send it only once, with 1 to {most} printable characters."
            )
        given[name] = text
    return given


def _order(rows: QuerySet[Server], ordering: str | None) -> QuerySet[Server]:
    if ordering is None:
        return rows
    name = ordering.removeprefix("-")
    if name not in ORDERINGS:
        raise refuse(
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


def _read_time(text: str) -> datetime:
    if text.isascii() and text.isdigit() and len(text) <= 10:
        return datetime.fromtimestamp(int(text), UTC)
    try:
        at = parse_datetime(text)
    except ValueError:
        at = None
    if at is None:
        raise refuse(
            "created_after", "Use Unix seconds or a time such as 2026-01-31T12:00:00Z."
        )
    return make_aware(at) if is_naive(at) else at
