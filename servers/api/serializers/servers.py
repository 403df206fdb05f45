"""Servers and what is known about them."""

from typing import Any, ClassVar, Final

from servers.access.reach import MAX_NAME
from servers.api.serializers.base import Shape
from servers.api.serializers.fields import (
    PRINTABLE,
    Choice,
    Count,
    Flag,
    Seconds,
    Text,
    Texts,
    Whole,
)
from servers.clouds.registry import list_kinds
from servers.lifecycle.states import State
from servers.models.account import NAME, NAME_RULE
from servers.operations.labels import (
    LABEL_NAME,
    LABEL_VALUE,
    MAX_LABELS,
    RESERVED_LABELS,
)
from servers.operations.provision import MAX_CAPACITY, MAX_COUNT, MAX_LETTERS, MAX_TTL

STATES: Final = list(State)
AT: Final = 1767225600
_HIDDEN: Final = "Empty without the scope `secrets:read`."
_PEM: Final = {
    "contentEncoding": "base64",
    "contentMediaType": "application/x-pem-file",
}
_CERT: Final = "LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCi4uLgo="


class Labels(Texts):
    """Names with values, which the instance gets as tags."""

    def __init__(self, **kwargs: Any) -> None:
        # In upper and lower case: a JSON Schema pattern can't ignore case.
        reserved = "".join(f"[{c}{c.upper()}]" for c in RESERVED_LABELS)
        rules = {
            "maxProperties": MAX_LABELS,
            "propertyNames": {"pattern": f"^(?!{reserved})(?:{LABEL_NAME.pattern})$"},
            "additionalProperties": {
                "type": "string",
                "pattern": f"^(?:{LABEL_VALUE.pattern})$",
            },
        }
        super().__init__(**{"required": False, "rules": rules, **kwargs})


_CAPACITY: Final[dict[str, Any]] = {
    "required": False,
    "min_value": 1,
    "max_value": MAX_CAPACITY,
    "help_text": "How many builds the server runs at once.",
}
_TTL: Final[dict[str, Any]] = {
    "required": False,
    "max_value": MAX_TTL,
    "help_text": "Seconds until the server is terminated; 0 means no limit.",
}


class ServerSerializer(Shape):
    """A server. All nineteen fields are always present, in this order."""

    id = Text(help_text="The cloud's id for the instance.")
    provider = Choice(choices=sorted({kind.provider for kind in list_kinds()}))
    state = Choice(choices=STATES)
    name = Text()
    image = Text()
    region = Text()
    size = Text()
    address = Text()
    capacity = Count(min_value=1, help_text="How many builds the server runs at once.")
    secret = Text(help_text=_HIDDEN)
    error = Text(
        help_text="Why it is in `error`, or why its termination takes so long."
    )
    ca_key = Text(help_text=_HIDDEN, rules=_PEM)
    ca_cert = Text(rules=_PEM)
    tls_key = Text(help_text=_HIDDEN, rules=_PEM)
    tls_cert = Text(rules=_PEM)
    created = Seconds("When it was requested.")
    updated = Seconds("When it last changed.")
    started = Seconds("When the cloud first reported the instance.")
    stopped = Seconds("When it was confirmed gone.")

    example: ClassVar = {
        "id": "i-4f1c2d9a",
        "provider": "sandbox",
        "state": "running",
        "name": "agent-7h2k9qxm",
        "image": "ubuntu-24.04",
        "region": "",
        "size": "small",
        "address": "10.7.3.19",
        "capacity": 2,
        "secret": "",
        "error": "",
        "ca_key": "",
        "ca_cert": _CERT,
        "tls_key": "",
        "tls_cert": _CERT,
        "created": AT,
        "updated": AT + 8,
        "started": AT + 2,
        "stopped": 0,
    }


PENDING: Final = {
    **ServerSerializer.example,
    **dict.fromkeys(("id", "address", "ca_cert", "tls_cert"), ""),
    "state": "pending",
    "updated": AT,
    "started": 0,
}
SHUTDOWN: Final = {
    **ServerSerializer.example,
    "state": "shutdown",
    "updated": AT + 600,
}


class _Wish(Text):
    """A choice of the request instead of the template's."""

    def __init__(self, most: int) -> None:
        super().__init__(
            required=False,
            allow_blank=True,
            max_length=most,
            rules={"format": PRINTABLE},
            help_text="If empty or omitted, the template's own is used.",
        )


class ServerRequestSerializer(Shape):
    """A request for servers."""

    template = Text(
        required=False,
        allow_blank=True,
        max_length=MAX_NAME,
        help_text="A template's name. If empty or omitted, the default template is "
        "used.",
    )
    name = Text(
        required=False,
        allow_blank=True,
        rules={"pattern": f"^(?:(?:{NAME.pattern})?)$"},
        help_text=f"{NAME_RULE} If empty or omitted, a name is generated. Not allowed "
        "with a `count` above 1.",
    )
    image = _Wish(MAX_LETTERS["image"])
    region = _Wish(MAX_LETTERS["region"])
    size = _Wish(MAX_LETTERS["size"])
    capacity = Whole(**_CAPACITY)
    ttl = Whole(**_TTL)
    count = Whole(
        required=False,
        min_value=1,
        max_value=MAX_COUNT,
        help_text="How many servers to create. Above 1, the response is an array.",
    )
    labels = Labels()

    may_be_empty = True
    body: ClassVar = {"size": "large", "labels": {"team": "builds"}, "count": 1}


class ServerChangeSerializer(Shape):
    """A change of a server."""

    labels = Labels(help_text="Replaces all labels of the server.")
    ttl = Whole(**_TTL)
    capacity = Whole(**_CAPACITY)
    protected = Flag(required=False, help_text="Whether termination is refused.")

    change: ClassVar = {"labels": {"team": "builds"}, "protected": False}
