"""Every address of the pages, the forms and links on them, and what is in the database.

The fleet behind them has one of everything, so that every page has content and every
button appears.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any, Final
from urllib.parse import urljoin, urlsplit

from django.apps import apps
from django.contrib.auth.models import User
from django.test import Client
from django.urls import Resolver404, resolve, reverse

from servers.access.tokens import issue_token
from servers.messaging.heartbeats import write_heartbeat
from servers.models import Account, Instance, Leftover, Location, Session, Stamp, Token
from servers.operations.accounts import save_account
from servers.operations.fleet import freeze_destroys, pause_fleet
from servers.operations.hooks import create_hook
from servers.records.ledger import database_now
from tests.support.fleet import make_fleet, make_template, provision
from tests.support.pools import make_pool
from tests.support.trouble import open_breaker

NEEDLE: Final = "needle"
# Written at each view, and not changed by people.
_RESTLESS: Final = (Session, Stamp)
TEXTS: Final = ("text", "password", "textarea")  # what people type into


def make_everything() -> None:
    """Create a fleet with content for every page, and a needle in each secret."""
    make_fleet()
    now = database_now()
    # Nothing depends on it, so it can be deleted.
    spare = save_account(
        Account(name="spare", kind="sandbox", options={}, enabled=False),
        credentials={"token": f"{NEEDLE}-credential"},
    )
    make_template(
        Account.objects.get(name="sandbox"),
        "other",
        image="debian-12",
        size="large",
        user_data=f"{NEEDLE}-user-data",
    )
    for name, changes in (
        ("one", {"state": "running", "address": "10.0.0.1", "instance_id": "i-1"}),
        ("shut", {"state": "shutdown", "address": "10.0.0.2", "want": "gone"}),
        ("broken", {"state": "error", "error": "no image"}),
        ("over", {"state": "stopped", "stopped_at": now, "want": "gone"}),
        ("tried", {"state": "running", "instance_id": "i-2", "trial_until": now}),
        ("locked", {"protected": True}),
        ("waits", {}),
    ):
        server = provision(name=name)
        for key, value in changes.items():
            setattr(server, key, value)
        server.secret = server.ca_key = server.tls_key = f"{NEEDLE}-key"
        server.ca_cert = server.tls_cert = "a certificate"
        server.save()
    location = Location.objects.get(account__name="sandbox")
    Location.objects.filter(pk=location.pk).update(held=1, compared_at=now)
    common: dict[str, Any] = {"account": location.account, "first_seen": now}
    Instance.objects.create(
        **common, instance_id="i-x", key="k", verdict="unexplained", live=True
    )
    Leftover.objects.create(**common, resource_id="vol-1", kind="volume")
    open_breaker(spare)
    pool = make_pool(token=f"{NEEDLE}-token")
    create_hook(pool.queue, f"{NEEDLE}-of-a-hook")
    issue_token("ci", scopes=["servers:read"])
    User.objects.create_user("guest")
    write_heartbeat("worker")
    pause_fleet(note="night")
    freeze_destroys(frozen=True)


def list_paths(**known: Any) -> dict[str, str]:
    """Return the address of each route by name, with arguments filled in.

    ``known`` replaces their values: ``server``, ``account``, ``template``, ``pool``,
    ``queue``, ``pk`` and ``public_id``.
    """
    from servers.dashboard.urls import urlpatterns

    values = {
        "server": "one",
        "account": "spare",
        "template": "other",
        "pool": "linux",
        "queue": "ci",
        "instance": Instance.objects.get(instance_id="i-x").pk,
        "leftover": Leftover.objects.get(resource_id="vol-1").pk,
        "person": User.objects.get(username="guest").pk,
        "public_id": Token.objects.get(name="ci").public_id,
        "file": "ca.pem",
        "page": "glossary",
    } | known
    found = {}
    for pattern in urlpatterns:
        route = str(pattern.pattern)
        converters = pattern.pattern.converters
        kind = "leftover" if "leftover" in route else "instance"
        kind = "person" if route.startswith("people/") else kind
        stands_for = {"name": route.partition("s/")[0], "pk": kind}
        arguments = {name: values[stands_for.get(name, name)] for name in converters}
        found[str(pattern.name)] = reverse(str(pattern.name), kwargs=arguments)
    return found


def name_route(path: str) -> str:
    """Return the name of a page's route, or "" if it is not a page."""
    try:
        return str(resolve(urlsplit(path).path).url_name)
    except Resolver404:
        return ""


@dataclass
class Field:
    """A field or button of a form, as a browser would send it."""

    name: str
    kind: str
    value: str = ""
    is_sent: bool = True


@dataclass
class Form:
    """A form, its fields and its buttons."""

    method: str
    action: str
    fields: list[Field] = field(default_factory=list)
    buttons: list[Field] = field(default_factory=list)

    def fill(self, **changes: Any) -> dict[str, Any]:
        """Return the data to send, with changes."""
        found: dict[str, Any] = {}
        for one in self.fields:
            if one.is_sent and one.name and one.name != "csrfmiddlewaretoken":
                found.setdefault(one.name, []).append(one.value)
        return found | changes

    def list_fields(self, *kinds: str) -> list[str]:
        """The names of the fields of the given kinds."""
        return [one.name for one in self.fields if one.kind in kinds and one.name]


class Look(HTMLParser):
    """The links and forms of a page."""

    def __init__(self, path: str, text: str) -> None:
        super().__init__()
        self.path = path
        self.links: list[str] = []
        self.forms: list[Form] = []
        self._form: Form | None = None
        self._texted: Field | None = None
        self._select: Field | None = None
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Record what a person can press or fill in."""
        given = {name: value or "" for name, value in attrs}
        if tag == "a" and "href" in given:
            self.links.append(urljoin(self.path, given["href"]))
        elif tag == "form":
            action = urljoin(self.path, given.get("action") or self.path)
            self._form = Form(given.get("method", "get").lower(), action)
            self.forms.append(self._form)
        elif self._form is not None:
            self._take(self._form, tag, given)

    def _take(self, form: Form, tag: str, given: Mapping[str, str]) -> None:
        name, value = given.get("name", ""), given.get("value", "")
        if tag == "button":
            form.buttons.append(Field(name, given.get("type", "submit"), value))
        elif tag == "input":
            kind = given.get("type", "text")
            sent = kind not in {"checkbox", "radio"} or "checked" in given
            form.fields.append(Field(name, kind, value, sent))
        elif tag == "textarea":
            self._texted = Field(name, "textarea")
            form.fields.append(self._texted)
        elif tag == "select":
            self._select = Field(name, "select", is_sent=False)
            form.fields.append(self._select)
        elif tag == "option" and (select := self._select) is not None:
            # The first option, unless another is selected.
            chosen = "selected" in given or not select.is_sent
            select.value = value if chosen else select.value
            select.is_sent = True

    def handle_data(self, data: str) -> None:
        """Record the text in a textarea."""
        if self._texted is not None:
            self._texted.value += data

    def handle_endtag(self, tag: str) -> None:
        """Close the current element."""
        if tag == "form":
            self._form = None
        elif tag == "textarea":
            self._texted = None
        elif tag == "select":
            self._select = None


def crawl(client: Client, *starts: str) -> Iterator[tuple[str, Any]]:
    """Yield each page that links lead to, once, with its answer.

    Addresses that differ only in their query count as one, except for ``kind``.
    """
    waiting, seen = [*starts], set()
    while waiting:
        path = waiting.pop(0)
        parts = urlsplit(path)
        key = (parts.path, parts.query if parts.query.startswith("kind=") else "")
        if key in seen or parts.netloc or not name_route(path):
            continue
        if parts.path.startswith(("/api/", "/admin/")):
            continue
        seen.add(key)
        answer = client.get(path)
        yield path, answer
        if answer["Content-Type"].startswith("text/html"):
            waiting += Look(parts.path, answer.content.decode()).links


def take_snapshot() -> dict[str, list[dict[str, Any]]]:
    """Return all rows of the database, by table."""
    return {
        model._meta.db_table: list(model.objects.order_by("pk").values())  # type: ignore[attr-defined]
        for model in apps.get_models(include_auto_created=True)
        if model not in _RESTLESS
    }
