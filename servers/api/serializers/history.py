"""What happened: events, and attempts to create a server."""

from typing import Any, ClassVar, Final

from rest_framework import serializers

from servers.api.serializers.base import Shape
from servers.api.serializers.fields import Choice, Count, Seconds, Text
from servers.api.serializers.servers import AT, STATES
from servers.lifecycle.states import Event, Outcome
from servers.records.ledger import Fact
from servers.wording import say_price

KINDS: Final = [*Event, *Fact]


class EventSerializer(Shape):
    """Something that happened."""

    id = Count(min_value=1)
    at = Seconds("When it happened.")
    server = Text(source="server_name")
    account = Text(source="account.name", default="")
    kind = Choice(choices=KINDS)
    from_ = Choice(source="from_state", choices=[*STATES, ""])
    to = Choice(source="to_state", choices=[*STATES, ""])
    reason = Text()
    actor = Text(help_text="`user:…`, `token:…` or a worker.")
    request_id = Text()

    example: ClassVar = {
        "id": 42,
        "at": AT,
        "server": "agent-7h2k9qxm",
        "account": "sandbox",
        "kind": "requested",
        "from": "",
        "to": "pending",
        "reason": "Requested.",
        "actor": "token:ci",
        "request_id": "build-4711",
    }

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        """Call a field ``from``, which Python can't."""
        fields = super().get_fields().items()
        return {name.rstrip("_"): field for name, field in fields}


class AttemptSerializer(Shape):
    """One attempt to create a server."""

    number = Count(min_value=1)
    account = Text(source="account.name")
    region = Text()
    size = Text()
    image = Text(help_text="Its id at the cloud, also if the template has a rule.")
    key = Text(help_text="The tag that the attempt's instance carries.")
    outcome = Choice(choices=list(Outcome))
    answer = Text(help_text="The cloud's response.")
    instance = Text(source="instance_id")
    note = Text(
        help_text="How its placement and image were chosen, if not by the list alone."
    )
    price_per_hour = Text(
        value=lambda attempt: (
            "" if attempt.price_per_hour is None else say_price(attempt.price_per_hour)
        ),
        help_text="What an hour of its instance costs, or empty if unknown.",
    )
    currency = Text(help_text="The currency of the price, if it was named.")
    asked = Seconds("When the attempt was recorded.", source="asked_at")
    answered = Seconds("When the cloud answered.", source="answered_at")
    closed = Seconds("When the attempt was closed for good.", source="closed_at")

    example: ClassVar = {
        "account": "sandbox",
        "size": "small",
        "image": "debian-12",
        "key": "ci-0b9c2f6e4d5a4e0f8a7b6c5d4e3f2a1b-1-x7q2",
        "outcome": "accepted",
        "instance": "i-4f1c2d9a",
        "price_per_hour": "0.0425",
        "currency": "EUR",
        "asked": AT + 1,
        "answered": AT + 2,
    }
