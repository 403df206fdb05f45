"""What else is known about a server than its nineteen fields, and why it waits."""

from typing import ClassVar

from servers.api.serializers.base import Shape
from servers.api.serializers.fields import (
    Array,
    Choice,
    Count,
    Flag,
    Object,
    Seconds,
    Text,
    Texts,
)
from servers.api.serializers.servers import AT, STATES
from servers.lifecycle.billing import Price
from servers.lifecycle.states import State
from servers.models import Event, Host, Server
from servers.placing.prices import price_of
from servers.reports.server_json import to_seconds
from servers.wording import say_price


def _read_reached(server: Server) -> dict[str, int]:
    found = dict(
        Event.objects.filter(server_uid=server.pk)
        .exclude(to_state="")
        .order_by("id")
        .values_list("to_state", "at")
    )
    return {state: to_seconds(at) for state, at in found.items()}


def _read_builds(server: Server) -> list[str]:
    host: Host | None = getattr(server, "host", None)
    return [] if host is None else host.builds


def _read_problem(server: Server) -> str:
    host: Host | None = getattr(server, "host", None)
    return "" if host is None else host.problem


def _read_price(server: Server) -> str:
    price = _price_of(server).per_hour
    return "" if price is None else say_price(price)


def _read_currency(server: Server) -> str:
    return _price_of(server).currency


def _price_of(server: Server) -> Price:
    """Return the price of a server, which costs a query only once."""
    found: Price | None = server.__dict__.get("_price")
    if found is None:
        found = server.__dict__["_price"] = price_of(server)
    return found


class DetailsSerializer(Shape):
    """What else is known about a server."""

    name = Text()
    state = Choice(choices=STATES)
    account = Text(source="account.name")
    template = Text(
        source="recipe.template_name", help_text="The name of its template."
    )
    template_version = Count(source="recipe.number", min_value=1)
    pool = Text(
        value=lambda server: server.pool.name if server.pool else "",
        help_text="The pool that it was created for, or empty.",
    )
    candidate = Count(
        source="placement",
        help_text="The fallback in use; 0 is the first placement.",
    )
    attempts = Count(source="attempt_number")
    labels = Texts()
    ttl = Count(help_text="In seconds; 0 means no limit.")
    protected = Flag()
    cordoned = Flag(
        help_text="Whether it is to get no new builds. `why` tells what that stops."
    )
    capacity = Count(min_value=1)
    created_by = Text()
    waiting = Text(help_text="What it is waiting for, or empty.")
    builds = Array(
        value=_read_builds,
        child=Text(),
        help_text="The builds that the last look found, while it drains.",
    )
    problem = Text(
        value=_read_problem,
        help_text="What was wrong at the last look at its instance, or empty.",
    )
    state_since = Seconds("When it entered this state.")
    reached = Object(
        value=_read_reached,
        child=Count(),
        rules={"propertyNames": {"enum": [str(state) for state in State]}},
        help_text="When it last entered each state, in Unix seconds.",
    )
    price_per_hour = Text(
        value=_read_price,
        help_text="A decimal number, or empty if unknown. Frozen with the create call.",
    )
    currency = Text(
        value=_read_currency,
        help_text="The currency of the price. Empty if unknown or not named.",
    )

    example: ClassVar = {
        "name": "agent-7h2k9qxm",
        "state": "running",
        "account": "sandbox",
        "template": "default",
        "attempts": 1,
        "labels": {"team": "builds"},
        "capacity": 2,
        "created_by": "token:ci",
        "state_since": AT + 8,
        "reached": {"pending": AT, "running": AT + 8},
        "price_per_hour": "0.0425",
        "currency": "EUR",
    }


class WhySerializer(Shape):
    """Why a server is where it is."""

    name = Text(source="server.name")
    state = Choice(source="server.state", choices=STATES)
    why = Text(
        source="why.sentence", help_text="What it is waiting for, as a sentence."
    )
    since = Seconds("When it entered this state.", source="why.since")
    next = Text(source="why.next", help_text="What happens next, as a sentence.")
    next_at = Seconds("When that happens.", source="why.next_at")
    last_answer = Text(source="why.last_answer", help_text="The cloud's last response.")

    example: ClassVar = {
        "name": "agent-7h2k9qxm",
        "state": "running",
        "why": "The server is running.",
        "since": AT + 8,
        "next": "Nothing, until someone requests something.",
    }
