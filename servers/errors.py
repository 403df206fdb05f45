"""Errors that a person can meet, named by what they mean to the one who asked.

Every message is one or two whole sentences: what happened, and what to do. The
API turns the class into a status, a form into a form error, a command into one
line and exit code 1.
"""

from collections.abc import Mapping, Sequence


class FleetError(Exception):
    """Base of all errors that are meant for a person.

    ``message`` holds no secret and no trace. ``fields`` maps the name of an input
    field to its messages, and is empty where the error is about no single field.
    """

    def __init__(
        self, message: str, *, fields: Mapping[str, Sequence[str]] | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.fields = {name: list(texts) for name, texts in (fields or {}).items()}


class InvalidError(FleetError):
    """The input is wrong; the same input will be refused again."""


class NotFoundError(FleetError):
    """What was named does not exist, or not for this caller."""


class ConflictError(FleetError):
    """The input is right, but not in the present state of things."""


class UnprocessableError(FleetError):
    """The input contradicts what the same caller sent before under the same key."""


class UnavailableError(FleetError):
    """Something that is needed does not answer now; the same call may work later."""
