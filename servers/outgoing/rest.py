"""A client for clouds whose API speaks JSON.

It sends one request by ``http.send``, within the deadline of the port's call, and
returns the answer as a ``Reply``. A cloud's own ``explain`` says what an answer that is
no success means. What it does not recognise is explained by its status alone.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote, urlencode, urlsplit

from servers.outgoing import reading
from servers.outgoing.deadline import MAX_VALUES, TooMuchError, current_deadline
from servers.outgoing.errors import (
    CallError,
    MissingError,
    RefusedError,
    UnknownOutcomeError,
)
from servers.outgoing.http import (
    describe_failure,
    explain_answer,
    explain_failure,
    send,
)
from servers.outgoing.links import name_origin, split_link
from servers.outgoing.masking import mask, mask_texts
from servers.outgoing.reply import Reply, describe_body

MAX_PAGES: Final = 1000

Query = Mapping[str, str | int | bool | tuple[str, ...] | None]


@contextmanager
def refusing_missing() -> Iterator[None]:
    """Turn MissingError into RefusedError.

    For create calls: a 404 means that an image, a network or the like does not exist.
    """
    try:
        yield
    except MissingError as error:
        raise RefusedError(error.message) from None


def explain_nothing(_reply: Reply) -> CallError | None:
    """Recognise no answer."""
    return None


@dataclass(frozen=True, slots=True)
class RestClient:
    """One JSON API at one base URL. Safe to use from any thread.

    ``headers`` authenticate each request, and ``secrets`` are cut out of messages.
    ``explain`` returns the error that an answer other than 2xx means, or None if it
    does not recognise it.
    """

    what: str  # the cloud's name, for messages
    base: str  # https://api.example.com/v1
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    secrets: tuple[str, ...] = field(default=(), repr=False)
    explain: Callable[[Reply], CallError | None] = explain_nothing

    def ask(
        self,
        method: str,
        path: str,
        *,
        query: Query | None = None,
        headers: Mapping[str, str] | None = None,
        data: Any = None,
        body: str | bytes | None = None,
        hide: tuple[str, ...] = (),
    ) -> Reply:
        """Send one request, and return its reply if it is a success.

        So is a 304 to a request with If-None-Match. ``data`` is sent as
        JSON; ``body`` as it is. ``path`` starts with a slash; build it with
        ``join_path``. ``hide`` are secrets of this request. Raises CallError.
        """
        url = self.base.rstrip("/") + path
        if asked := encode_query(query or {}):
            url += f"?{asked}"
        return self._send(method, url, headers or {}, data, body, hide)

    def follow(self, link: str, headers: Mapping[str, str] | None = None) -> Reply:
        """Get a link that an answer holds. Raise UnknownOutcomeError if it is foreign.

        The credentials go with the request, so it is sent only to the API's own origin,
        as written in the settings. Only the path and the query are the link's.
        """
        own, given = urlsplit(self.base), split_link(link)
        if given is None or name_origin(own) != name_origin(given):
            raise UnknownOutcomeError(
                f"{self.what} refers to another host, which gets no credentials."
            )
        url = f"{own.scheme}://{own.netloc}{given.path or '/'}"
        if given.query:
            url += f"?{given.query}"
        return self._send("GET", url, headers or {}, None, None, ())

    def pages(
        self,
        path: str,
        *,
        query: Query | None = None,
        headers: Mapping[str, str] | None = None,
        find_next: Callable[[Reply], str | Query | None],
        find_total: Callable[[Reply], int] | None = None,
    ) -> Iterator[Reply]:
        """Yield all pages of a list.

        ``find_next`` returns where the next page is: a link, or what changes in the
        query; or nothing after the last page. Raises UnknownOutcomeError if the pages
        have no end.

        ``find_total`` returns the length of the whole list, or 0 if a page does not say
        it. Give it where pages are numbered: if the list has become shorter meanwhile,
        entries have moved to pages that were read before. Then all pages are yielded
        once more, so the caller has to expect entries twice.
        """
        for _ in range(2):
            totals = []
            for reply in self._read_pages(path, query, headers, find_next):
                totals.append(find_total(reply) if find_total is not None else 0)
                yield reply
            if totals[-1] >= max(totals):
                return

    def _read_pages(
        self,
        path: str,
        query: Query | None,
        headers: Mapping[str, str] | None,
        find_next: Callable[[Reply], str | Query | None],
    ) -> Iterator[Reply]:
        asked = dict(query or {})
        reply = self.ask("GET", path, query=asked, headers=headers)
        seen: set[str] = set()
        while True:
            yield reply
            following = find_next(reply)
            if not following:
                return
            step = json.dumps(following, sort_keys=True, default=str)
            if step in seen or len(seen) >= MAX_PAGES:
                raise UnknownOutcomeError(f"{self.what} returned pages without an end.")
            seen.add(step)
            if isinstance(following, str):
                reply = self.follow(following)
            else:
                asked |= following
                reply = self.ask("GET", path, query=asked, headers=headers)

    def join_path(self, *segments: str | int) -> str:
        """Return a path of segments, each quoted.

        An id that names no single segment can't be an id of this cloud. It would lead
        to another resource, so it raises MissingError.
        """
        for each in map(str, segments):
            if each in {"", ".", ".."} or not each.isprintable():
                raise MissingError(f"{self.what} has nothing named {each!r}.")
        return "".join(f"/{quote(str(each), safe='')}" for each in segments)

    def _send(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        data: Any,
        body: str | bytes | None,
        hide: tuple[str, ...],
    ) -> Reply:
        sent = {"Accept": "application/json", **self.headers, **headers}
        if data is not None:
            body = json.dumps(data, ensure_ascii=True, separators=(",", ":"))
            sent = {"Content-Type": "application/json", **sent}
        answer = send(method, url, body=body, headers=sent)
        reply = Reply(self.what, answer, _parse(answer.body))
        unchanged = answer.status == 304 and "If-None-Match" in sent
        if unchanged or 200 <= answer.status < 300:
            return reply
        secrets = (*self.secrets, *hide)
        # Before a message is cut to its length: it must not end in half of one.
        mask_texts(reply.data, secrets)
        error = self.explain(reply) or explain_answer(
            answer, self.what, describe_body(reply)
        )
        said = mask(error.message, secrets)
        raise type(error)(said, retry_after=error.retry_after, about=error.about)


def _parse(body: bytes) -> Any:
    """Return the JSON value of a body, or None.

    Raises UnknownOutcomeError if it has too many values. They are counted before the
    body is parsed, because parsing already takes the memory.
    """
    deadline = current_deadline()
    values = reading.count_values(body)
    try:
        if values > MAX_VALUES // deadline.at_once:
            raise TooMuchError
        deadline.received.add_values(values)
    except TooMuchError as error:
        raise explain_failure(deadline, describe_failure(error)) from None
    return reading.parse_json(body)


def encode_query(query: Query) -> str:
    """Return a query, encoded. None is left out, and a tuple is several values."""
    pairs = (
        (name, each)
        for name, value in query.items()
        for each in (value if isinstance(value, tuple) else (value,))
        if each is not None
    )
    return urlencode(
        [
            (name, str(value).lower() if isinstance(value, bool) else str(value))
            for name, value in pairs
        ]
    )
