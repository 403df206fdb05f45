"""An answer of an API that speaks JSON, whatever it is.

It can be an empty body, a gateway's page of HTML, or a list where an object was
expected. What is needed of it is there, or UnknownOutcomeError is raised.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from servers.outgoing import reading
from servers.outgoing.errors import CallError, UnknownOutcomeError
from servers.outgoing.http import MAX_RETRY_SECONDS, Answer
from servers.outgoing.links import find_link
from servers.wording import make_printable

MAX_WORDS: Final = 300  # characters of an answer's own words in a message


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer, and its JSON value in ``data``: None if it has none."""

    what: str  # the cloud's name
    answer: Answer
    data: Any

    @property
    def status(self) -> int:
        """Its HTTP status."""
        return self.answer.status

    @property
    def headers(self) -> Mapping[str, str]:
        """Its headers, which ignore case."""
        return self.answer.headers

    @property
    def retry_after(self) -> float | None:
        """The seconds that its Retry-After asks for, or None."""
        return self.answer.retry_after

    def find_link(self, rel: str) -> str:
        """Return the target of its Link header with this relation, or "" (RFC 8288)."""
        return find_link(self.headers.get("Link", ""), rel)

    def find_wait(
        self, reset: str = "", *, most: float = MAX_RETRY_SECONDS
    ) -> float | None:
        """Return the seconds to wait before a repeat, or None.

        Retry-After says it; otherwise the header ``reset``, a time in Unix seconds.
        """
        given = reading.number(self.headers.get(reset, "")) if reset else None
        if self.retry_after is not None or given is None:
            return self.retry_after
        return min(max(0.0, given - time.time()), most)

    def need_object(self, *path: reading.Step) -> dict[str, Any]:
        """Return the object at a path. Raise UnknownOutcomeError if there is none."""
        found = reading.find(self.data, *path)
        if isinstance(found, dict):
            return found
        raise self._explain_missing(path)

    def need_objects(self, *path: reading.Step) -> list[dict[str, Any]]:
        """Return the list of objects at a path.

        Raises UnknownOutcomeError if it is not there, or has anything else in it. A
        listing that is not whole must never pass for a short one.
        """
        found = reading.find(self.data, *path)
        if isinstance(found, list) and all(isinstance(each, dict) for each in found):
            return found
        raise self._explain_missing(path)

    def _explain_missing(self, path: tuple[reading.Step, ...]) -> CallError:
        where = ".".join(map(str, path)) or "an object"
        return UnknownOutcomeError(
            f"{self.what} answered {self.status} without {where}."
        )


def need_text(data: Mapping[str, Any], *path: reading.Step, what: str) -> str:
    """Return a text that must be there. Raise UnknownOutcomeError if it is not.

    For ids: an entry of a listing without one can't be told from a missing entry.
    """
    if found := reading.text(data, *path):
        return found
    raise UnknownOutcomeError(f"{what} answered without {'.'.join(map(str, path))}.")


def describe_body(reply: Reply) -> str:
    """Return what a body is that no cloud's ``explain`` recognised.

    It is not quoted, not even a field that most APIs have: it can be that of any
    service, and whoever may enter an endpoint must not read what others answer.
    """
    if not reply.answer.body:
        return "Its body is empty."
    if reply.data is None:
        return "Its body is not JSON."
    return "Its body has no error that this cloud's API describes."


def shorten(words: str) -> str:
    """Return a cloud's words as one line of a bearable length."""
    line = make_printable(words)
    return line if len(line) <= MAX_WORDS else f"{line[: MAX_WORDS - 1]}…"
