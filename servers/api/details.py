"""Details of a server beyond the nineteen fields of the Drone Autoscaler's API."""

from typing import Any, Final

from rest_framework.request import Request
from rest_framework.response import Response

from servers.api.shared.bodies import Kind, read_body
from servers.api.shared.parameters import read_number
from servers.api.shared.views import ScopedView
from servers.errors import InvalidError
from servers.models import Attempt, Event, Server
from servers.operations import Change, change_server
from servers.placing.placements import price_of
from servers.records.ledger import database_now
from servers.reports.feed import MOST_WAIT, follow_events
from servers.reports.selectors import find_server
from servers.reports.server_json import to_seconds
from servers.reports.why import explain_server

MOST_EVENTS: Final = 500
ASK_AGAIN: Final = "2"  # seconds, if too many requests wait already
MOST_AFTER: Final = 2**62
CHANGES: Final = {
    "labels": Kind.LABELS,
    "ttl": Kind.NUMBER,
    "capacity": Kind.NUMBER,
    "protected": Kind.FLAG,
}


class Details(ScopedView):
    """``/api/servers/{name}/details``."""

    def get(self, request: Request, name: str) -> Response:
        """Return the template, labels, ttl, protection, times and price of a server."""
        return Response(render_details(find_server(name)))


class Why(ScopedView):
    """``/api/servers/{name}/why``."""

    def get(self, request: Request, name: str) -> Response:
        """Return what a server is waiting for, since when, and what happens next."""
        server = find_server(name)
        why = explain_server(server, now=database_now())
        return Response(
            {
                "name": server.name,
                "state": server.state,
                "why": why.sentence,
                "since": to_seconds(why.since),
                "next": why.next,
                "next_at": to_seconds(why.next_at),
                "last_answer": why.last_answer,
            }
        )


class ServerEvents(ScopedView):
    """``/api/servers/{name}/events``."""

    def get(self, request: Request, name: str) -> Response:
        """Return the events of a server, oldest first."""
        server = find_server(name)
        return list_events(request, server=server)


class ServerAttempts(ScopedView):
    """``/api/servers/{name}/attempts``."""

    def get(self, request: Request, name: str) -> Response:
        """Return every attempt to create a server, with the cloud's response."""
        attempts = (
            Attempt.objects.filter(server_uid=find_server(name).pk)
            .select_related("account")
            .order_by("number")
        )
        return Response([_render_attempt(attempt) for attempt in attempts])


class Events(ScopedView):
    """``/api/events``: the events of the whole fleet."""

    read_right = "servers.view_event"

    def get(self, request: Request) -> Response:
        """Return the events of the fleet, oldest first."""
        return list_events(request, server=None)


def list_events(request: Request, *, server: Server | None) -> Response:
    """Return up to ``limit`` events after the id ``after``; Link names the next page.

    If there is no event yet, wait up to ``wait`` seconds for the first one.
    """
    unknown = set(request.query_params) - {"after", "limit", "wait"}
    if unknown:
        name = min(unknown)[:80]
        raise InvalidError(
            f"{name}: Unknown parameter. Use any of after, limit, wait.",
            fields={name: ["Unknown parameter."]},
        )
    after = _read_number(request, "after", default=0, least=0, most=MOST_AFTER)
    limit = _read_number(request, "limit", default=100, least=1, most=MOST_EVENTS)
    wait = _read_number(request, "wait", default=0, least=0, most=MOST_WAIT)
    events = follow_events(
        after=after,
        limit=limit + 1,
        seconds=wait,
        server_uid=server.pk if server else None,
    )
    if events is None:
        return Response([], headers={"Retry-After": ASK_AGAIN})
    shown = events[:limit]
    headers = {}
    if len(events) > limit:
        base = request.build_absolute_uri(request.path)
        headers["Link"] = f'<{base}?after={shown[-1].pk}&limit={limit}>; rel="next"'
    return Response([_render_event(event) for event in shown], headers=headers)


def patch_server(name: str, data: dict[str, Any]) -> dict[str, Any]:
    """Apply a PATCH to a server; return its details."""
    change = Change(**read_body(data, CHANGES, some=True))
    return render_details(change_server(name, change))


def render_details(server: Server) -> dict[str, Any]:
    """Return the details. Times are Unix seconds, 0 for not yet; ttl 0 is no limit."""
    reached = dict(
        Event.objects.filter(server_uid=server.pk)
        .exclude(to_state="")
        .order_by("id")
        .values_list("to_state", "at")
    )
    price = price_of(server)
    return {
        "name": server.name,
        "state": server.state,
        "account": server.account.name,
        "template": server.recipe.template_name,
        "template_version": server.recipe.number,
        "candidate": server.placement,
        "attempts": server.attempt_number,
        "labels": server.labels,
        "ttl": server.ttl,
        "protected": server.protected,
        "capacity": server.capacity,
        "created_by": server.created_by,
        "waiting": server.waiting,
        "state_since": to_seconds(server.state_since),
        "reached": {state: to_seconds(at) for state, at in reached.items()},
        "price_per_hour": "" if price is None else str(price),
    }


def _render_event(event: Event) -> dict[str, Any]:
    return {
        "id": event.pk,
        "at": to_seconds(event.at),
        "server": event.server_name,
        "account": event.account.name if event.account else "",
        "kind": event.kind,
        "from": event.from_state,
        "to": event.to_state,
        "reason": event.reason,
        "actor": event.actor,
        "request_id": event.request_id,
    }


def _render_attempt(attempt: Attempt) -> dict[str, Any]:
    return {
        "number": attempt.number,
        "account": attempt.account.name,
        "region": attempt.region,
        "size": attempt.size,
        "key": attempt.key,
        "outcome": attempt.outcome,
        "answer": attempt.answer,
        "instance": attempt.instance_id,
        "asked": to_seconds(attempt.asked_at),
        "answered": to_seconds(attempt.answered_at),
        "closed": to_seconds(attempt.closed_at),
    }


def _read_number(
    request: Request, name: str, *, default: int, least: int, most: int
) -> int:
    texts = request.query_params.getlist(name) or [str(default)]
    # Several values are no number.
    return read_number(name, ",".join(texts), least, most)
