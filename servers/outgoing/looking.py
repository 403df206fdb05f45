"""What a look-up may raise."""

from collections.abc import Iterator
from contextlib import contextmanager

from servers.outgoing.errors import (
    CredentialsError,
    MissingError,
    RefusedError,
    UnknownOutcomeError,
)


@contextmanager
def reading_whole() -> Iterator[None]:
    """Raise UnknownOutcomeError for what no complete look raises.

    A page may be refused, such as one after an entry that was deleted meanwhile, or a
    whole list be missing. Neither means that there is nothing in it.
    """
    try:
        with reading_one():
            yield
    except MissingError as error:
        raise UnknownOutcomeError(error.message) from None


@contextmanager
def reading_one() -> Iterator[None]:
    """Raise UnknownOutcomeError if a look is refused for itself.

    For a look at one thing by its id, where MissingError is an answer.
    """
    try:
        yield
    except CredentialsError:
        raise
    except RefusedError as error:
        raise UnknownOutcomeError(error.message) from None
