"""The calls of one read of GitHub: pages, ETags, and what is left of the rate limit."""

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from servers.outgoing import reading
from servers.outgoing.errors import CallError, CredentialsError, UnknownOutcomeError
from servers.outgoing.reply import Reply
from servers.outgoing.rest import RestClient, encode_query
from servers.queues.base import QueueConfig
from servers.queues.github import signin
from servers.queues.github.errors import NAME, REMAINING, RESET, explain
from servers.queues.revisits import Revisits

T = TypeVar("T")
PAGE: Final = 100  # entries
# GitHub shows no more runs of a status.
MAX_LISTED: Final = 1000
# The part of the rate limit that is used freely. The rest has to last.
_FREE: Final = 0.75
_kept: Final = Revisits()


@dataclass(frozen=True, slots=True)
class _Page(Generic[T]):
    items: list[T]
    total: int
    following: str  # a link, "" after the last page


class Budget:
    """What the calls of a read cost of the rate limit. A 304 costs nothing."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._spent = 0
        self._left: float | None = None
        self._limit = 0.0
        self._resets = 0.0

    def note(self, reply: Reply) -> None:
        """Note what an answer says about the limit."""
        left = reading.number(reply.headers.get(REMAINING, ""))
        with self._lock:
            self._spent += reply.status != 304
            if left is not None and (self._left is None or left < self._left):
                self._left = left
                limit = reply.headers.get("X-RateLimit-Limit", "")
                self._limit = reading.number(limit) or 0.0
                self._resets = reading.number(reply.headers.get(RESET, "")) or 0.0

    def find_wait(self, *, now: float) -> float:
        """Return the seconds until the next read, so that the limit lasts.

        It is 0 while most of it is left.
        """
        if self._left is None or self._left >= self._limit * (1 - _FREE):
            return 0.0
        reads = self._left / max(1, self._spent)
        return max(0.0, self._resets - now) / max(1.0, reads)


class Api:
    """The calls of one read. Safe to use from any thread."""

    def __init__(self, config: QueueConfig) -> None:
        """Sign in. Needs a surrounding ``Deadline``."""
        self._config = config
        self._name = signin.digest(config)
        self._token = signin.find_token(config)
        self.budget = Budget()
        self._client = RestClient(
            NAME,
            config.url,
            {**signin.HEADERS, "Authorization": f"Bearer {self._token}"},
            (self._token,),
            self._explain,
        )

    def _explain(self, reply: Reply) -> CallError | None:
        error = explain(reply)
        if reply.status == 401 and isinstance(error, CredentialsError):
            signin.forget_token(self._config, self._token)
        return error

    def join_path(self, *segments: str) -> str:
        """Return a path of segments, each quoted."""
        return self._client.join_path(*segments)

    def list_all(
        self,
        path: str,
        query: Mapping[str, str],
        parse: Callable[[Reply], list[T]],
        *,
        most: int = 20 * MAX_LISTED,
    ) -> list[T]:
        """Return all entries of a list, maybe some twice.

        If the list becomes shorter meanwhile, entries have moved to pages that were
        read before, so it is read once more. Raises UnknownOutcomeError if it is longer
        than ``most``, and the other errors of calls.
        """
        found: list[T] = []
        for _ in range(2):
            totals: list[int] = []
            link = ""
            while link or not totals:
                page = self._get_page(path, query, parse, link)
                found += page.items
                totals.append(page.total)
                link = page.following
                if page.total > most or len(totals) * PAGE > most:
                    raise UnknownOutcomeError(
                        f"{NAME} shows at most {most:,} entries of {path}, and "
                        "there are more. Nothing changes until there are fewer."
                    )
            if totals[-1] >= max(totals):
                break
        return found

    def delete(self, path: str) -> None:
        """Delete what a path names. Raises CallError."""
        self.budget.note(self._client.ask("DELETE", path))

    def post(self, path: str, data: Mapping[str, object]) -> Reply:
        """Send an object, and return the answer. Raises CallError."""
        reply = self._client.ask("POST", path, data=data)
        self.budget.note(reply)
        return reply

    def _get_page(
        self,
        path: str,
        query: Mapping[str, str],
        parse: Callable[[Reply], list[T]],
        link: str,
    ) -> _Page[T]:
        asked = {"per_page": str(PAGE), **query}

        def ask(headers: Mapping[str, str]) -> Reply:
            if link:
                reply = self._client.follow(link, headers)
            else:
                reply = self._client.ask("GET", path, query=asked, headers=headers)
            self.budget.note(reply)
            return reply

        def read(reply: Reply) -> _Page[T]:
            if reply.headers.get("X-GitHub-SSO", "").startswith("partial-results"):
                raise CredentialsError(
                    f"{NAME} shows only a part, because the token is not authorized "
                    "for single sign-on everywhere. Authorize it under Configure SSO."
                )
            return _Page(
                parse(reply),
                reading.whole(reply.data, "total_count"),
                reply.find_link("next"),
            )

        key = (self._name, path, encode_query(asked), link)
        return _kept.visit(key, ask, read)

    def find_wait(self) -> float:
        """Return the seconds until the next read, so that the rate limit lasts."""
        return self.budget.find_wait(now=time.time())
