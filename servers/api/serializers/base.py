"""What all serializers share: bodies with known fields only, and examples."""

from copy import deepcopy
from typing import Any, ClassVar, Final

from django.db import models
from rest_framework import serializers

from servers.api.serializers.fields import Choice, Column, Flag, Object, Price, Text
from servers.errors import InvalidError


class Shape(serializers.Serializer[Any]):
    """A JSON object.

    For the OpenAPI document: ``example`` has the values of an answer that are worth
    showing, ``body`` is the example of a request, and ``change`` that of a PATCH.
    """

    example: ClassVar[dict[str, Any]] = {}
    body: ClassVar[dict[str, Any]] = {}
    change: ClassVar[dict[str, Any]] = {}
    may_be_empty: ClassVar[bool] = False  # as a request body
    optional: ClassVar[frozenset[str]] = frozenset()  # fields of an answer

    def run_validation(self, data: Any = None) -> dict[str, Any]:
        """Return the given fields. Raise InvalidError with each wrong field, as given.

        Whether a field is missing is for the operation to say.
        """
        known = {str(field.field_name): field for field in self._writable_fields}
        names = ", ".join(known)
        errors: dict[str, list[str]] = {}
        found = {}
        for name, value in data.items():
            if name not in known:
                errors[name[:100]] = [f"Unknown field. Use any of {names}."]
                continue
            try:
                found[name] = known[name].run_validation(value)
            except serializers.ValidationError as error:
                errors[name] = [str(text) for text in error.detail]
        if not data and not self.may_be_empty:
            errors["body"] = [f"Send at least one of {names}."]
        if errors:
            raise InvalidError.of(errors)
        return found

    @classmethod
    def describe(cls, schema: dict[str, Any], *, partial: bool) -> dict[str, Any]:
        """Return the JSON Schema of a request body, made more exact."""
        return schema


class ModelShape(Shape, serializers.ModelSerializer[Any]):
    """A JSON object with a model's own fields, limits and help texts."""

    serializer_choice_field = Choice
    serializer_field_mapping: ClassVar[dict[Any, Any]] = {
        models.CharField: Text,
        models.TextField: Text,
        models.IntegerField: Column,
        models.PositiveIntegerField: Column,
        models.BooleanField: Flag,
        models.JSONField: Object,
        models.DecimalField: Price,
    }

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        """Return the fields. Deriving them from the model takes milliseconds."""
        found = _FIELDS.get(type(self))
        if found is None:
            found = _FIELDS[type(self)] = super().get_fields()
        return deepcopy(found)


_FIELDS: Final[dict[type, dict[str, serializers.Field[Any, Any, Any, Any]]]] = {}
