"""Templates, accounts, the fleet and tokens over the API."""

import time
from typing import Any

import pytest

from servers.access.tokens import SCOPES
from servers.engine.spec import render_spec
from servers.lifecycle.keys import make_key
from servers.lifecycle.snapshot import Placement
from servers.machine.readiness import READINESS
from servers.models import Account, Event, Fleet, Server, Template, TemplateVersion
from servers.records.ledger import database_now
from tests.api.conftest import Call
from tests.support.fleet import QUICK, Workshop, provision

pytestmark = pytest.mark.django_db(transaction=True)


PLACE = {"account": "sandbox", "image": "debian-12", "size": "large"}
TEMPLATE = {
    "name": "big",
    "account": "sandbox",
    "image": "debian-12",
    "size": "large",
    "capacity": 4,
    "user_data": "needle-user-data",
    "labels": {"team": "red"},
    "ttl": 60,
    "price_per_hour": "0.0425",
}


def test_a_template_has_placements_and_the_short_form_is_the_first(send: Call) -> None:
    other = {
        **PLACE,
        "size": "medium",
        "region": "south",
        "price_per_hour": "0.0200",
        "currency": "EUR",
    }
    made = send("POST", "/api/templates", {"name": "big", "placements": [PLACE, other]})
    assert made.status_code == 201, made.content
    rest = {"region": "", "ssh_key": "", "options": {}, "spot": False}
    first, second = made.json()["placements"]
    assert made.json() | first == made.json()  # they stand at the top, too
    assert first == {**rest, **PLACE, "price_per_hour": None, "currency": ""}
    assert second == {**rest, **other}
    assert (made.json()["size"], made.json()["price_per_hour"]) == ("large", None)
    short = {"size": "small", "price_per_hour": "0.0100"}
    changed = send("PATCH", "/api/templates/big", short).json()
    assert changed["placements"] == [{**first, **short}, second]
    wrong = {"placements": [PLACE, {**PLACE, "options": {"moon": 1}}]}
    refused = send("PATCH", "/api/templates/big", wrong).json()
    assert (
        "Placement 2: options: 'moon' is unknown" in refused["errors"]["placements"][0]
    )
    wrong = {"placements": [PLACE, {**PLACE, "size": "x" * 256}]}
    refused = send("PATCH", "/api/templates/big", wrong)
    assert list(refused.json()["errors"]) == ["placements"]
    assert Template.objects.get(name="big").version == 2
    spot = {"placements": [{**PLACE, "spot": True}, PLACE]}
    changed = send("PATCH", "/api/templates/big", spot).json()
    assert [each["spot"] for each in changed["placements"]] == [True, False]


def test_a_template_is_created_changed_used_and_deleted(send: Call) -> None:
    made = send("POST", "/api/templates", TEMPLATE)
    assert made.status_code == 201, made.content
    told = made.json()
    assert (told["version"], told["has_user_data"]) == (1, True)
    assert told["price_per_hour"] == "0.0425"
    changed = send("PATCH", "/api/templates/big", {"size": "small", "max_servers": 1})
    assert changed.status_code == 200
    assert (changed.json()["version"], changed.json()["image"]) == (2, "debian-12")
    template = Template.objects.get(name="big")
    assert template.user_data == "needle-user-data"  # what is left out stays
    assert TemplateVersion.objects.filter(template=template).count() == 2
    server = send("POST", "/api/servers", {"template": "big"})
    assert server.json()["size"] == "small"
    refused = send("DELETE", "/api/templates/big")
    assert refused.status_code == 409
    assert "1 server created from it has not stopped yet" in refused.json()["message"]
    Server.objects.update(state="stopped", stopped_at=database_now())
    assert send("DELETE", "/api/templates/big").status_code == 204
    assert send("GET", "/api/templates/big").status_code == 404
    (left,) = send("GET", "/api/templates").json()
    assert left["name"] == "default"


@pytest.mark.pure
@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": "Bad Name"}, "name"),
        ({"name": "default"}, "name"),
        ({"account": "nobody"}, "account"),
        ({"capacity": 0}, "capacity"),
        ({"capacity": "4"}, "capacity"),
        ({"labels": {"bad=": "x"}}, "labels"),
        ({"placements": [{"nonsense": "x"}]}, "placements"),
        ({"placements": {}}, "placements"),
        ({"placements": []}, "placements"),
        ({"placements": [1]}, "placements"),
        ({"placements": [{}] * 1000}, "placements"),
        ({"placements": [PLACE]}, "placements"),  # and the short form
        ({"spot": "yes"}, "spot"),
        ({"options": {"moon": 1}}, "options"),
        ({"price_per_hour": "cheap"}, "price_per_hour"),
        ({"price_per_hour": "NaN"}, "price_per_hour"),
        ({"price_per_hour": 1.5}, "price_per_hour"),
        ({"readiness": "magic"}, "readiness"),
        ({"ttl": -1}, "ttl"),
        ({"ttl": 2**70}, "ttl"),
        ({"image": ""}, "image"),
        ({"image": "x" * 300}, "image"),
        ({"user_data": "x" * 70000}, "user_data"),
        ({"version": 7}, "version"),
        ({"name_prefix": "Not/a/label-"}, "name_prefix"),
        ({"ttl": 2**31}, "ttl"),
        ({"price_per_hour": "-1"}, "price_per_hour"),
        ({"price_per_hour": "1e3"}, "price_per_hour"),
        ({"currency": "eur"}, "currency"),
        ({"currency": "EUR\n"}, "currency"),
        ({"currency": "EURO"}, "currency"),
        ({"name_prefix": "-a"}, "name_prefix"),
    ],
)
def test_a_template_that_is_wrong_is_refused_at_its_field(
    send: Call, change: dict[str, Any], field: str
) -> None:
    answer = send("POST", "/api/templates", {**TEMPLATE, **change})
    assert answer.status_code in {400, 409}, answer.content
    assert field in answer.json()["errors"], answer.content
    assert not Template.objects.filter(name="big").exists()
    assert not TemplateVersion.objects.filter(placements__size="large").exists()


def test_an_unknown_readiness_is_refused_in_a_sentence(send: Call) -> None:
    unknown = {"readiness": "none"}
    answers = [
        send("POST", "/api/templates", {**TEMPLATE, **unknown}),
        send("PATCH", "/api/templates/default", unknown),
    ]
    for answer in answers:
        assert answer.status_code == 400, answer.content
        words = f"Use one of these values: {', '.join(READINESS)}."
        assert answer.json() == {
            "message": f"readiness: {words}",
            "errors": {"readiness": [words]},
        }
    assert list(Template.objects.values_list("name", "readiness")) == [
        ("default", "address")
    ]


def test_user_data_is_kept_byte_for_byte_up_to_the_create_call(send: Call) -> None:
    fleet = Fleet.objects.get()

    def is_kept(text: str) -> None:
        assert Template.objects.get(name="big").user_data == text
        server = provision(template="big")
        key = make_key(fleet.fleet_id, server.pk, 1)
        spec = render_spec(server, Placement(0), key, token="t")
        assert spec.user_data == text

    # Only a page's form has line ends of the browser. A program means its own.
    first = "  <powershell>\r\nmkdir C:\\ci  \r\n</powershell>\r\n \t\n\n"
    made = send("POST", "/api/templates", {**TEMPLATE, "user_data": first})
    assert made.status_code == 201, made.content
    is_kept(first)
    second = "\n#!/bin/sh\r\nprintf 'a\rb' \r\n\r"
    changed = send("PATCH", "/api/templates/big", {"user_data": second})
    assert changed.status_code == 200, changed.content
    is_kept(second)


def test_an_account_is_created_tested_changed_and_shows_no_credential(
    send: Call,
) -> None:
    body = {
        "name": "second",
        "kind": "sandbox",
        "credentials": {"token": "needle-token"},
        "options": {**QUICK, "expected_token": "needle-token"},
        "max_servers": 3,
    }
    made = send("POST", "/api/accounts", body)
    assert made.status_code == 201, made.content
    tested = send("POST", "/api/accounts/second/test")
    assert tested.json()["works"] is True, tested.content
    told = " ".join(found["message"] for found in tested.json()["findings"])
    assert "shows 0 instances of this fleet" in told
    before = Account.objects.get(name="second").generation
    wrong = send("PATCH", "/api/accounts/second", {"credentials": {"token": "other"}})
    assert wrong.status_code == 200
    assert Account.objects.get(name="second").generation == before + 1
    tested = send("POST", "/api/accounts/second/test").json()
    assert tested["works"] is False
    told = " ".join(found["message"] for found in tested["findings"])
    assert "not valid" in told
    shown = send("GET", "/api/accounts/second")
    assert b"needle-token" not in shown.content.replace(
        b'"expected_token":"needle-token"', b""
    )
    assert "credentials" not in shown.json()
    kept = send("PATCH", "/api/accounts/second", {"enabled": False})
    assert kept.json()["enabled"] is False
    assert "other" in Account.objects.get(name="second").credentials
    assert send("DELETE", "/api/accounts/second").status_code == 204
    assert send("GET", "/api/accounts/second").status_code == 404
    assert not Account.objects.filter(name="second").exists()


def test_an_account_in_use_is_not_deleted_and_loses_nothing(
    send: Call, workshop: Workshop
) -> None:
    server = provision()
    workshop.run_to("running", server)
    answer = send("DELETE", "/api/accounts/sandbox")
    assert answer.status_code == 409
    assert "Disable it instead" in answer.json()["message"]
    assert Account.objects.get().locations.count() == 1
    assert not Event.objects.filter(reason__contains="was deleted").exists()


@pytest.mark.pure
@pytest.mark.parametrize(
    "change",
    [
        {"kind": "nonsense"},
        {"name": "sandbox"},
        {"name": ""},
        {"credentials": {"token": 1}},
        {"credentials": "x"},
        {"credentials": {"unknown": "x"}},
        {"options": {"nonsense": 1}},
        {"options": []},
        {"options": {"faults": {"slow": "1"}}},
        {"options": {"faults": []}},
        {"options": {"world": "No/Name"}},
        {"options": {"sizes": "small"}},
        {"options": {"timings": {"call": "5"}}},
        {"options": {"timings": {"call": 9, "lease": 10}}},
        {"kind": "amazon", "region": "eu-central-1"},
        {"max_servers": 0},
        {"max_servers": 2**70},
        {"calls_at_once": True},
        {"endpoint": "http://x"},
        {"health": "ok"},
        {"enabled": "yes"},
    ],
)
def test_an_account_that_is_wrong_is_refused(
    send: Call, change: dict[str, Any]
) -> None:
    body = {"name": "third", "kind": "sandbox", **change}
    answer = send("POST", "/api/accounts", body)
    taken = change == {"name": "sandbox"}
    assert answer.status_code == (409 if taken else 400), answer.content
    assert answer.json()["errors"]
    assert Account.objects.count() == 1


def test_the_breaker_is_closed_by_hand(send: Call) -> None:
    Account.objects.update(breaker="open", breaker_note="quota", breaker_failures=5)
    answer = send("POST", "/api/accounts/sandbox/close-breaker")
    assert answer.json()["breaker"] == "closed"


def test_the_fleets_switches_and_cap(send: Call) -> None:
    told = send(
        "PATCH",
        "/api/fleet",
        {"paused": True, "paused_note": "Lunch.", "destroys_frozen": True},
    ).json()
    assert (told["paused"], told["paused_note"]) == (True, "Lunch.")
    assert told["destroys_frozen"] is True
    assert told["confirmed"] is True
    assert send("PATCH", "/api/fleet", {"max_servers": 0}).json()["max_servers"] == 0
    assert send("POST", "/api/servers").status_code == 409
    wrongs: list[Any] = [{}, {"max_servers": -1}, {"max_servers": 2**70}]
    wrongs += [{"paused": 1}, {"fleet": "x"}]
    wrongs += [{"paused": True, "paused_note": "x" * 501}]
    for wrong in wrongs:
        assert send("PATCH", "/api/fleet", wrong).status_code == 400, wrong
    told = send("PATCH", "/api/fleet", {"max_servers": None, "paused": False}).json()
    assert (told["max_servers"], told["paused"]) == (None, False)
    assert Fleet.objects.get().destroys_frozen is True


def test_a_token_is_created_shown_once_used_and_revoked(send: Call, call: Call) -> None:
    made = send(
        "POST",
        "/api/tokens",
        {"name": "ci", "scopes": ["servers:read"], "expires": int(time.time()) + 60},
    )
    assert made.status_code == 201, made.content
    text = made.json()["token"]
    headers = {"authorization": f"Bearer {text}"}
    assert call("GET", "/api/servers", scopes=None, headers=headers).status_code == 200
    listed = send("GET", "/api/tokens")
    assert text.split("_", 2)[2].encode() not in listed.content
    assert "digest" not in listed.json()[0]
    assert send("DELETE", "/api/tokens/ci").status_code == 204
    assert call("GET", "/api/servers", scopes=None, headers=headers).status_code == 401
    assert send("GET", "/api/tokens/ci").json()["revoked"] > 0
    assert send("DELETE", "/api/tokens/nobody").status_code == 404


def test_no_one_grants_a_right_that_they_lack(send: Call) -> None:
    admin = ["fleet:admin"]
    answer = send(
        "POST",
        "/api/tokens",
        {"name": "more", "scopes": ["secrets:read"]},
        scopes=admin,
    )
    assert answer.status_code == 400
    assert "which you don't have" in answer.json()["message"]
    wrongs: list[Any] = [{"scopes": ["servers:read"]}, {"name": "x"}]
    wrongs += [{"name": "x", "scopes": [1]}]
    for expires in (1, 2**70):
        wrongs += [{"name": "x", "scopes": ["servers:read"], "expires": expires}]
    for wrong in wrongs:
        assert send("POST", "/api/tokens", wrong).status_code == 400, wrong


WRITES = [
    ("POST", "/api/templates"),
    ("PATCH", "/api/templates/default"),
    ("DELETE", "/api/templates/default"),
    ("POST", "/api/accounts"),
    ("PATCH", "/api/accounts/sandbox"),
    ("DELETE", "/api/accounts/sandbox"),
    ("POST", "/api/accounts/sandbox/test"),
    ("POST", "/api/accounts/sandbox/close-breaker"),
    ("PATCH", "/api/fleet"),
    ("GET", "/api/tokens"),
    ("POST", "/api/tokens"),
    ("DELETE", "/api/tokens/t0"),
    ("POST", "/api/leaks/destroy-held"),
    ("POST", "/api/leaks/1/adopt"),
]


@pytest.mark.parametrize(("method", "path"), WRITES)
def test_all_of_this_needs_the_admins_right(send: Call, method: str, path: str) -> None:
    lesser = sorted(SCOPES - {"fleet:admin"})
    answer = send(method, path, {}, scopes=lesser)
    assert answer.status_code == 403
    assert "fleet:admin" in answer.json()["message"]
    assert send(method, path, {}, scopes=None).status_code == 401


def test_a_body_that_is_too_deep_or_contains_a_nul_is_refused(send: Call) -> None:
    deep: Any = "x"
    for _ in range(30):
        deep = [deep]
    for options in ({"a": deep}, {"a": {"b": ["\0"]}}, {"\0": 1}):
        answer = send("POST", "/api/templates", {**TEMPLATE, "options": options})
        assert answer.status_code == 400
        assert answer.json()["message"]
    assert not Template.objects.filter(name="big").exists()
