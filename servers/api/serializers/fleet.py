"""The fleet, its tokens, and the caller."""

from typing import Any, ClassVar, Final

from servers.access.reach import MAX_TOKEN_NAME
from servers.access.tokens import SCOPES
from servers.api.serializers.base import Shape
from servers.api.serializers.fields import (
    PRINTABLE,
    Array,
    Choice,
    Flag,
    Seconds,
    Text,
    Whole,
)
from servers.operations.fleet import MAX_NOTE, MAX_SERVERS
from servers.placing.location_gate import is_confirmed
from servers.reports.server_json import to_seconds

MAX_TIME: Final = 2**40  # Unix seconds


_NOTE: Final[dict[str, Any]] = {
    "required": False,
    "allow_blank": True,
    "max_length": MAX_NOTE,
    "help_text": "The reason, for others.",
}


class FleetSerializer(Shape):
    """The installation: its id, switches and server limit."""

    fleet = Text(
        source="fleet_id",
        read_only=True,
        help_text="The fleet's id, which is in the tag of each instance.",
    )
    confirmed = Flag(
        value=is_confirmed,
        read_only=True,
        help_text="Whether this database is known to be the fleet's own.",
    )
    paused = Flag(
        required=False,
        help_text="The pause flag, as `GET /varz` returns it. Requests are still "
        "accepted.",
    )
    paused_by = Text(read_only=True)
    paused_note = Text(**_NOTE)
    destroys_frozen = Flag(
        required=False,
        help_text="Stop destroying instances. Servers that are terminated meanwhile "
        "wait.",
    )
    destroys_frozen_note = Text(**_NOTE)
    max_servers = Whole(allow_null=True, required=False, max_value=MAX_SERVERS)

    example: ClassVar = {"fleet": "sf7k2m9x", "confirmed": True, "max_servers": 500}
    change: ClassVar = {"max_servers": 500}


class TokenSerializer(Shape):
    """An API token, without its text, which is not stored."""

    name = Text(max_length=MAX_TOKEN_NAME, rules={"format": PRINTABLE})
    id = Text(source="public_id", read_only=True)
    scopes = Array(child=Choice(choices=sorted(SCOPES)), min_length=1)
    last_used = Seconds(
        "When it was last used, to the minute.", source="last_used_at", read_only=True
    )
    expires = Whole(
        value=lambda token: to_seconds(token.expires_at),
        required=False,
        max_value=MAX_TIME - 1,
        help_text="When it expires, in Unix seconds. If 0 or omitted, it expires with "
        "the token that created it, or never.",
    )
    revoked = Seconds("When it was revoked.", source="revoked_at", read_only=True)
    maker = Text(
        source="user.username",
        default="",
        read_only=True,
        help_text="The person who created it. Empty for the installation's own.",
    )
    parent = Text(  # type: ignore[assignment]
        source="parent.name",
        default="",
        read_only=True,
        help_text="The token that created it, or empty.",
    )

    example: ClassVar = {
        "name": "ci",
        "id": "0f1e2d3c4b5a",
        "scopes": ["servers:write"],
        "maker": "ada",
    }
    body: ClassVar = {"name": "deploys", "scopes": ["servers:write"], "expires": 0}


class NewTokenSerializer(TokenSerializer):
    """A token just created, with its text."""

    token = Text(read_only=True, help_text="The token itself. It is shown only once.")

    example: ClassVar = {
        **TokenSerializer.example,
        "last_used": 0,
        "token": "sf_0f1e2d3c4b5a_…",
    }


class MeSerializer(Shape):
    """The caller."""

    name = Text()
    scopes = Array(child=Choice(choices=sorted(SCOPES)))
    expires = Seconds(
        "When the token expires.", source="token.expires_at", default=None
    )

    example: ClassVar = {"name": "token:ci", "scopes": ["servers:read"]}
