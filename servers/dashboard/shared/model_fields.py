"""Form fields as the models describe them: labels, help, limits and choices."""

from typing import Any, Final

from django import forms
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models

# No completion and no spelling marks for what is a name of the cloud's or the fleet's.
PLAIN_TEXT: Final = {"autocomplete": "off", "spellcheck": "false"}


def make_model_field(
    field: "models.Field[Any, Any]", **kwargs: Any
) -> forms.Field | None:
    """Return the form field of a model's field, with the limits of its validators."""
    if isinstance(field, models.IntegerField):
        for name, kind, choose in (
            ("min_value", MinValueValidator, max),
            ("max_value", MaxValueValidator, min),
        ):
            limits = [
                each.limit_value for each in field.validators if type(each) is kind
            ]
            if limits:
                kwargs[name] = choose(limits)
    return field.formfield(**kwargs)
