"""Accounts, the fleet and tokens over the API, and who may set them up."""

import time
from typing import Any

import pytest

from servers.access.tokens import SCOPES
from servers.models import Account, Event, Fleet
from tests.api.conftest import Call
from tests.support.fleet import QUICK, Workshop, provision

pytestmark = pytest.mark.django_db(transaction=True)


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
