"""The actor and request id, carried into every event, log line and task."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_request_id: ContextVar[str] = ContextVar("request_id", default="")
_actor: ContextVar[str] = ContextVar("actor", default="")


def get_request_id() -> str:
    """Return the id of this context's request, or ``""``."""
    return _request_id.get()


def get_actor() -> str:
    """Return who acts in this context (``user:ada``, ``token:ci``, ``worker``)."""
    return _actor.get()


def set_actor(actor: str) -> None:
    """Set the actor for the rest of this context."""
    _actor.set(actor)


@contextmanager
def bound(*, request_id: str = "", actor: str = "") -> Iterator[None]:
    """Bind both for the duration of a block."""
    request_token = _request_id.set(request_id)
    actor_token = _actor.set(actor)
    try:
        yield
    finally:
        _request_id.reset(request_token)
        _actor.reset(actor_token)
