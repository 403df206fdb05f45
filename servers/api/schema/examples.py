"""One example of each response. Those of requests stand in their classes."""

from typing import Any

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
