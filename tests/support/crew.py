"""People with their own sessions, who all press a button at once."""

import http.client
import re
import secrets
import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import unescape
from http.cookies import SimpleCookie
from typing import Any, Final
from urllib.parse import urlencode, urljoin, urlsplit

from django.conf import settings
from django.contrib.auth.models import User

from servers.models import Event
from tests.support.clients import run_all
from tests.support.crawl import Form, Look
from tests.support.people import session_cookie

# Each race runs this often, since it is lost only sometimes.
ROUNDS: Final = 4

_SAID: Final = re.compile(
    r'<div class="(?:message [^>]*>.*?<p>|error"[^>]*>)(.*?)<(?:/p|/div|br)>',
    re.DOTALL,
)
# Against forged forms: what the cookie and the form must both have.
_MARK: Final = "m" * 32


@dataclass(frozen=True, slots=True)
class Told:
    """The page that a person reached, and its messages."""

    status: int
    path: str
    text: str

    @property
    def said(self) -> list[str]:
        """The messages at the top of the page and at its fields."""
        return [unescape(found) for found in _SAID.findall(self.text)]


class Person:
    """A minimal browser: a connection, cookies and redirects."""

    def __init__(self, site: str, user: User) -> None:
        self.cookies = {
            settings.SESSION_COOKIE_NAME: session_cookie(user),
            settings.CSRF_COOKIE_NAME: _MARK,
        }
        self.connection = http.client.HTTPConnection(urlsplit(site).netloc, timeout=60)

    def leave(self) -> None:
        """Close the connection."""
        self.connection.close()

    def get(self, path: str) -> Told:
        """Open a page."""
        return self._send("GET", path, None)

    def post(self, path: str, typed: Mapping[str, Any]) -> Told:
        """Send a form, and return the resulting page."""
        body = urlencode({**typed, "csrfmiddlewaretoken": _MARK}, doseq=True)
        return self._send("POST", path, body)

    def open_form(self, path: str) -> Form:
        """Return the form of a page that acts on the page's own address."""
        return find_form(self.get(path))

    def _send(self, method: str, path: str, body: str | None) -> Told:
        cookies = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        headers = {"Cookie": cookies, "Accept": "text/html"}  # a browser's
        if body is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        self.connection.request(method, path, body=body, headers=headers)
        answer = self.connection.getresponse()
        text = answer.read().decode()
        for line in answer.headers.get_all("Set-Cookie") or ():
            for name, morsel in SimpleCookie(line).items():
                self.cookies[name] = morsel.value
        if answer.status == 302:
            return self.get(urljoin(path, answer.headers["Location"]))
        return Told(answer.status, path, text)


def find_form(page: Told) -> Form:
    """Return the form of a page that acts on the page's own address."""
    forms = Look(page.path, page.text).forms
    return next(form for form in forms if form.action == page.path)


def fill_for_all(
    people: Sequence[Person], path: str, **typed: Any
) -> list[dict[str, Any]]:
    """Return what each person sends from a form that all have open.

    The form is loaded once for all, except for its mark against double clicks.
    """
    form = people[0].open_form(path)
    return [form.fill(**typed, once=secrets.token_hex(16)) for _ in people]


def send_at_once(
    people: Sequence[Person], sent: Sequence[tuple[str, Mapping[str, Any]]]
) -> list[Told]:
    """Make each person send a form at the same moment, and return what each was told.

    No one may get a server error.
    """
    may_go = threading.Barrier(len(people))
    told: dict[int, Told] = {}

    def send(number: int) -> None:
        may_go.wait(30)
        told[number] = people[number].post(*sent[number])

    run_all(len(people), send)
    for one in told.values():
        assert one.status in {200, 404}, one
        assert "Traceback" not in one.text
    return [told[number] for number in range(len(people))]


def press(people: Sequence[Person], path: str, **typed: Any) -> list[Told]:
    """Make all people send the same form at the same moment."""
    return send_at_once(people, [(path, typed)] * len(people))


def sort_out(told: Sequence[Told], *sentences: str) -> list[int]:
    """Return how many people got each sentence. Each got exactly one."""
    found: Counter[str] = Counter()
    for one in told:
        text = unescape(one.text)
        heard = [sentence for sentence in sentences if sentence in text]
        assert len(heard) == 1, (heard, one.status, one.path, one.said)
        found[heard[0]] += 1
    return [found[sentence] for sentence in sentences]


def find_winner(told: Sequence[Told], sentence: str) -> int:
    """Return the number of the one person who got a sentence."""
    (winner,) = (number for number, one in enumerate(told) if sentence in one.said)
    return winner


def count_events(since: int, **which: Any) -> int:
    """Return how many events were written after one."""
    return Event.objects.filter(pk__gt=since, **which).count()


def last_event() -> int:
    """Return the number of the last event."""
    return Event.objects.order_by("-pk").values_list("pk", flat=True)[0]
