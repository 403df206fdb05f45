"""Looking up the parts that a create call refers to, one by one."""

from collections.abc import Callable

from servers.clouds.base import About, Untested
from servers.outgoing.errors import CredentialsError, MissingError, RefusedError


def look_up(
    cloud: str, what: str, look: Callable[[], object], about: About
) -> Untested | None:
    """Look up one part. Raise RefusedError if it does not exist.

    Returns what could not be tested, if these credentials may not look it up.
    """
    try:
        look()
    except MissingError:
        raise RefusedError(f"{cloud} has no {what} here.", about=about) from None
    except CredentialsError as error:
        return Untested(f"The {what} was not looked up: {error.message}", about)
    return None
