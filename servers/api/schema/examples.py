"""One example of each response and error. Those of requests stand in their classes."""

from typing import Any, Final

from rest_framework import serializers

from servers.api.serializers.fields import Array, Choice, Flag, Object


def show_answer(serializer: Any, given: Any = None) -> Any:
    """Return an example of a response: what its class gives, and the other fields."""
    if isinstance(serializer, serializers.ListSerializer):
        each = [None] if given is None else given
        return [show_answer(serializer.child, one) for one in each]
    known = serializer.example if given is None else given
    return {
        name: _show_field(field, known.get(name))
        for name, field in serializer.fields.items()
        if not field.write_only
    }


def _show_field(field: Any, given: Any) -> Any:
    if isinstance(field, serializers.BaseSerializer):
        return show_answer(field, given)
    if given is not None or field.allow_null:
        return given
    if isinstance(field, Choice):
        return next(iter(field.choices))
    if isinstance(field, Array):
        return [_show_field(field.child, None)]
    if isinstance(field, Object):
        return {}
    if isinstance(field, Flag):
        return False
    return getattr(field, "min_value", "")


ERRORS: Final[dict[int, dict[str, Any]]] = {
    400: {
        "message": "capacity: Use a number from 1 to 1000.",
        "errors": {"capacity": ["Use a number from 1 to 1000."]},
    },
    401: {"message": "Send an API token: 'Authorization: Bearer sf_…'."},
    403: {
        "message": "The API token doesn't have permission to do this. It needs the "
        "scope fleet:admin."
    },
    404: {"message": "There is no server named 'agent-x'."},
    409: {
        "message": "The fleet has a limit of 500 servers, so no more can be created. "
        "Terminate some servers, or raise the limit."
    },
    413: {"message": "The body is too large. Send at most 256 KiB."},
    415: {"message": "Send JSON, with 'Content-Type: application/json'."},
    422: {
        "message": "This Idempotency-Key was already used with another body. Use a new "
        "key for a new request."
    },
    429: {
        "message": "Too many requests: the limit is 6000 per minute. Try again in 2 s."
    },
    500: {
        "message": "An internal error occurred. The server's log has it under this "
        "request's X-Request-ID."
    },
    503: {
        "message": "The database is not responding. Your change may not have been "
        "saved. Try again in a few seconds."
    },
}
