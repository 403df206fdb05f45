"""Whatever is sent to the pages: a sentence, at its field, and nothing half done."""

import uuid
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
from django.core.cache import cache
from django.test import Client

from servers.models import Account, Server, Stamp, Template, Token
from tests.support.crawl import (
    TEXTS,
    Form,
    Look,
    crawl,
    list_paths,
    make_everything,
    name_route,
    take_snapshot,
)
from tests.support.fleet import Workshop
from tests.support.people import log_in, make_person

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

SCRIPT = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>"
RAW = ("<script>alert", "<img src=x", "Set-Cookie: a=b\r\n")
# No name of the pages' forms; the log-in has a test of its own.
BESIDES = {"login", "logout", "logout-everywhere", "own-password", "confirm-password"}
BESIDES |= {"theme"}
# A script for a machine's first boot may be long; what is typed to confirm is compared,
# and refused in its own words; the template of a new server stands in a list of cards.
# Without an agent, its environment counts for nothing.
TAKES_ALL = {"user_data", "commands", "agent_environment", "confirm", "template"}
TAKES: dict[str, set[str]] = {"-1": {"priority"}}  # a pool's may be below zero
# What a form lets through is refused by PostgreSQL sooner than by SQLite: a NUL, a text
# that is too long, and a number of more than 32 bits.
ON_THE_STRICTER = pytest.mark.postgresql


@pytest.fixture
def admin(workshop: Workshop) -> Iterator[Client]:
    cache.clear()
    make_everything()
    yield log_in(make_person("root"))
    cache.clear()


def is_page(answer: Any) -> bool:
    return answer.status_code == 200 and "html" in answer["Content-Type"]


def list_forms(client: Client) -> list[Form]:
    """Return one form for each route that takes one, as it stands on a page."""
    found: dict[Any, Form] = {}
    for path, answer in crawl(client, "/", *list_paths().values()):
        if not is_page(answer):
            continue
        for form in Look(path, answer.content.decode()).forms:
            route = name_route(form.action)
            if form.method != "post" or route in BESIDES:
                continue
            key = (route, tuple(sorted({one.name for one in form.fields})))
            found.setdefault(key, form)
    return list(found.values())


# Kinds that take any text for their credentials and their region.
PLAIN = ("kind=amazon", "kind=hetznercloud", "kind=sandbox")


def fill(form: Form, **changes: Any) -> dict[str, Any]:
    """Fill in what is needed, under names that are free."""
    texts = {
        "name": f"n-{uuid.uuid4().hex[:8]}",
        "image": "debian-12",
        "size": "large",
        "region": "eu-central-1",
        "credential-access_key_id": "a",
        "credential-secret_access_key": "b",
        "credential-token": "a",
        "scopes": "servers:read",
        "once": uuid.uuid4().hex,
    }
    names = {one.name for one in form.fields}
    needed = {name: text for name, text in texts.items() if name in names}
    if name_route(form.action) == "change-account":
        del needed["region"]
    return form.fill(**{**needed, **changes})


def assert_harmless(answer: Any) -> str:
    assert answer.status_code < 500
    text: str = answer.content.decode()
    assert not [raw for raw in RAW if raw in text]
    return text


@pytest.mark.pure
def test_a_script_in_any_text_field_is_refused_there_or_taken_as_words(
    admin: Client,
) -> None:
    tried = set()
    for form in list_forms(admin):
        for name in form.list_fields(*TEXTS):
            tried.add((name_route(form.action), name))
            before = Stamp.objects.get().pages
            answer = admin.post(form.action, fill(form, **{name: SCRIPT}))
            shown = assert_harmless(answer)
            if 'role="alert"' in shown:
                assert Stamp.objects.get().pages == before, (form.action, name)
            else:
                assert answer.status_code == 302 or name == "name", (form.action, name)
    assert len(tried) > 60
    for path, answer in crawl(admin, "/", *list_paths().values()):
        if is_page(answer):
            assert_harmless(answer)
        assert answer["X-Content-Type-Options"] == "nosniff", path


@ON_THE_STRICTER
def test_what_no_field_takes_is_told_at_each_field_and_nothing_is_made(
    admin: Client,
) -> None:
    forms = list_forms(admin)
    before = take_snapshot()
    for kinds, text in (
        (TEXTS, "a\0b"),
        (TEXTS, "x" * 10_000),
        (TEXTS, "\u202ertl עִבְרִית 🚀 =cmd()\r\nSet-Cookie: a=b" * 50),
        (("number",), "9" * 400),
        (("number",), "NaN"),
        (("number",), "-1"),
        (("select", "radio"), SCRIPT),
    ):
        for form in forms:
            names = form.list_fields(*kinds)
            if not names:
                continue
            answer = admin.post(form.action, fill(form, **dict.fromkeys(names, text)))
            shown = assert_harmless(answer)
            if kinds == TEXTS and text[0] == "\u202e":
                continue
            untold = [
                name
                for name in set(names) - TAKES_ALL - TAKES.get(text, set())
                if f'id="id_{name}_error"' not in shown
            ]
            assert untold == [], (form.action, text[:9])
    assert take_snapshot() == before


@ON_THE_STRICTER
def test_hidden_fields_and_the_way_back_take_nothing_hostile(admin: Client) -> None:
    hidden = set()
    for form in list_forms(admin):
        for one in form.fields:
            if one.kind != "hidden" or one.name == "csrfmiddlewaretoken":
                continue
            hidden.add(one.name)
            for text in (
                SCRIPT,
                "a\0b",
                "x" * 10_000,
                "//evil.example",
                "javascript:alert(1)",
            ):
                answer = admin.post(form.action, fill(form, **{one.name: text}))
                assert_harmless(answer)
                back = answer.get("Location", "/")
                assert back.startswith("/"), (form.action, one.name, back)
                assert not back.startswith("//"), (form.action, one.name, back)
    assert hidden >= {"next", "once", "seen", "account"}


@pytest.mark.pure
def test_without_its_token_no_form_is_carried_out(admin: Client) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = admin.cookies
    before = take_snapshot()
    for name, path in list_paths().items():
        answer = strict.post(path, {"name": "x", "act": "terminate", "sure": "on"})
        assert answer.status_code == 403, name
        assert b"This form is out of date" in answer.content, name
        assert b"Nothing was done." in answer.content, name
    assert take_snapshot() == before


@pytest.mark.pure
def test_a_look_changes_nothing_and_other_methods_are_refused(admin: Client) -> None:
    paths = {name: path for name, path in list_paths().items() if name not in BESIDES}
    before = take_snapshot()
    for name, path in paths.items():
        assert admin.get(path).status_code in {200, 302, 405}, name
        assert admin.head(path).status_code in {200, 302, 405}, name
        for method in ("put", "patch", "delete", "trace"):
            answer = getattr(admin, method)(path)
            assert answer.status_code == 405, (method, name)
            assert "POST" in answer["Allow"] or "GET" in answer["Allow"]
    assert take_snapshot() == before
    page = admin.get(paths["retry"]).content
    assert b"This address only accepts submitted forms." in page


@pytest.mark.parametrize(
    "word",
    [
        "\0",
        "x" * 9000,
        *(
            pytest.param(word, marks=pytest.mark.pure)
            for word in ("none", "<script>alert(1)</script>", "\u202e", "a b")
        ),
    ],
)
def test_what_an_address_names_and_is_not_there_is_a_page_that_says_so(
    admin: Client, word: str
) -> None:
    before = take_snapshot()
    texts = dict.fromkeys(("server", "account", "template", "public_id"), "WORD")
    unknown = list_paths(**texts, file="WORD", instance=10**30, leftover=2**63)
    for name, path in list_paths().items():
        if unknown[name] == path:
            continue
        address = unknown[name].replace("WORD", quote(word, safe=""))
        for answer in (admin.get(address), admin.post(address)):
            if answer.status_code == 302:  # the decisions of Leaks say it there
                assert answer["Location"] == "/leaks/"
                continue
            assert answer.status_code in {404, 405}, (name, answer.status_code)
            assert "<h1>" in assert_harmless(answer)
    assert take_snapshot() == before
    assert b"There is no account named &#x27;none&#x27;." in (
        admin.get("/accounts/none/").content
    )


@pytest.mark.pure
def test_a_form_that_makes_something_makes_one_whatever_is_sent_again(
    admin: Client,
) -> None:
    models = (Server, Account, Template, Token)
    makers = {"new-server", "new-account", "new-template", "new-token"}
    made = set()
    for form in list_forms(admin):
        route = name_route(form.action)
        other = "kind=" in form.action and not form.action.endswith(PLAIN)
        if route not in makers or other:
            continue
        counts = [model.objects.count() for model in models]
        sent = fill(form)
        answer: Any = None
        for name in (sent.get("name", ""), "another-name"):
            answer = admin.post(form.action, {**sent, "name": name}, follow=True)
        assert b"already sent" in answer.content, form.action
        after = [model.objects.count() for model in models]
        assert sum(after) - sum(counts) == 1, form.action
        made.add(route)
    assert made == makers
