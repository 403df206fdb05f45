"""Check the fields of an account or a template, and save it."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import PositiveIntegerField

from servers.errors import ConflictError, InvalidError
from servers.models import Account, Pool, Queue, Template
from servers.models.placement import PlacementFields

# The largest PostgreSQL integer. SQLite would accept more.
MAX_INTEGER: Final = 2**31 - 1
Named = Account | Template | Queue | Pool


def clean_fields(model: Named | PlacementFields) -> None:
    """Check a model's fields. Raise InvalidError with everything wrong."""
    try:
        # Saving settles which template is the default, and whether what is named still
        # exists.
        held = {"template", "queue"}
        if getattr(model, "account_id", None):
            held.add("account")
        model.full_clean(held, validate_unique=False, validate_constraints=False)
    except ValidationError as error:
        raise_wrong({**error.message_dict, **_explain_choices(model, error)})
    raise_wrong(
        {
            field.name: [f"Use at most {MAX_INTEGER}."]
            for field in model._meta.fields
            if isinstance(field, PositiveIntegerField)
            and (getattr(model, field.name) or 0) > MAX_INTEGER
        }
    )


def _explain_choices(
    model: Named | PlacementFields, error: ValidationError
) -> dict[str, list[str]]:
    """Return a sentence for each field whose value is none of its choices."""
    return {
        field.name: [f"Use one of these values: {', '.join(dict(field.flatchoices))}."]
        for field in model._meta.fields
        for wrong in error.error_dict.get(field.name, [])
        if wrong.code == "invalid_choice"
    }


@contextmanager
def saving(model: Named) -> Iterator[None]:
    """Run a transaction. Raise ConflictError if the name is taken by then."""
    try:
        with transaction.atomic():
            yield
    except IntegrityError:
        others = type(model).objects.exclude(pk=model.pk)
        if not others.filter(name=model.name).exists():
            raise ConflictError(
                "It was changed meanwhile. Reload and try again."
            ) from None
        raise ConflictError(
            f"The name {model.name!r} is already taken. Choose another name.",
            fields={"name": ["This name is already taken."]},
        ) from None


def raise_wrong(errors: Mapping[str, list[str]]) -> None:
    """Raise InvalidError if there are errors, by field."""
    if errors:
        raise InvalidError.of(errors)
