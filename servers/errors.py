"""Errors for people, named by what they mean to the caller.

Every message is one or two whole sentences: what happened, and what to do. The
API turns the class into a status, a form turns it into a form error, and a command
prints one line and exits with code 1.
"""

from collections.abc import Mapping, Sequence
from typing import Self


class FleetError(Exception):
    """Base of all errors that are shown to people.

    ``message`` contains no secret and no traceback. ``fields`` maps the names of input
    fields to their messages, and is empty if the error is not about a field.
    """

    def __init__(
        self, message: str, *, fields: Mapping[str, Sequence[str]] | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.fields = {name: list(texts) for name, texts in (fields or {}).items()}


class InvalidError(FleetError):
    """The input is wrong. The same input will be refused again."""

    @classmethod
    def of(cls, fields: Mapping[str, Sequence[str]]) -> Self:
        """Return the error for what is wrong with some fields, told by the first."""
        name, texts = next(iter(fields.items()))
        return cls(f"{name}: {texts[0]}", fields=fields)


class NotFoundError(FleetError):
    """The named object does not exist, or not for this caller."""

    @classmethod
    def named(cls, what: str, name: str) -> Self:
        """Return the error for the name of a server, a template or the like."""
        return cls(f"There is no {what} named {name[:80]!r}.")


class ConflictError(FleetError):
    """The input is valid, but not possible in the current state."""


class UnprocessableError(FleetError):
    """The input differs from what the caller sent before with the same key."""


class UnavailableError(FleetError):
    """Something required is not responding. The same call may work later."""
