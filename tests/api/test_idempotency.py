"""An Idempotency-Key creates its servers once, even with races and crashes."""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.db.models import F

from servers.models import Account, IdempotentRequest, Server
from servers.reconciler import purge_history
from tests.api.conftest import Call
from tests.support.threads import at_once

pytestmark = pytest.mark.django_db(transaction=True)


def post(call: Call, key: str, body: Any = None, **more: Any) -> Any:
    return call(
        "POST",
        "/api/servers",
        headers={"idempotency-key": key},
        data=json.dumps(body) if body is not None else "",
        content_type="application/json",
        **more,
    )


def test_the_same_key_and_body_answer_with_the_same_server(call: Call) -> None:
    first = post(call, "k-1", {"name": "agent-i", "labels": {"a": "1", "b": "2"}})
    assert first.status_code == 200
    assert "Idempotent-Replayed" not in first
    Server.objects.update(address="10.0.0.1")
    again = post(call, "k-1", {"labels": {"b": "2", "a": "1"}, "name": "agent-i"})
    assert again.status_code == 200
    assert again["Idempotent-Replayed"] == "true"
    assert again.json()["name"] == "agent-i"
    assert again.json()["address"] == "10.0.0.1"  # as it is now
    assert Server.objects.count() == 1


def test_a_count_is_answered_with_the_same_array_in_its_order(call: Call) -> None:
    first = post(call, "k-many", {"count": 5}).json()
    again = post(call, "k-many", {"count": 5})
    assert again["Idempotent-Replayed"] == "true"
    assert [row["name"] for row in again.json()] == [row["name"] for row in first]
    assert Server.objects.count() == 5


def test_the_same_key_with_another_body_is_422(call: Call) -> None:
    post(call, "k-1", {"name": "agent-i"})
    for body in ({"name": "agent-j"}, None, {"name": "agent-i", "count": 1}):
        answer = post(call, "k-1", body)
        assert answer.status_code == 422
        assert "another body" in answer.json()["message"]
    assert Server.objects.count() == 1


def test_a_key_means_nothing_to_another_token(call: Call) -> None:
    post(call, "k-1")
    answer = post(call, "k-1", scopes=["servers:write"])
    assert answer.status_code == 200
    assert "Idempotent-Replayed" not in answer
    assert Server.objects.count() == 2


@pytest.mark.parametrize("key", ["", " ", "a b", "x" * 256, "\u00fc", "a\x7f"])
def test_an_invalid_key_is_refused(call: Call, key: str) -> None:
    answer = post(call, key)
    assert answer.status_code == 400
    assert "1 to 255 printable" in answer.json()["message"]
    assert not Server.objects.exists()


def test_refused_requests_are_not_remembered(call: Call) -> None:
    Account.objects.update(max_servers=0)
    assert post(call, "k-1").status_code == 409
    assert not IdempotentRequest.objects.exists()
    Account.objects.update(max_servers=5)
    assert post(call, "k-1").status_code == 200


def test_a_key_is_new_after_a_day_and_is_deleted_later(call: Call) -> None:
    first = post(call, "k-1").json()["name"]
    day = timedelta(hours=24, seconds=1)
    IdempotentRequest.objects.update(created_at=F("created_at") - day)
    second = post(call, "k-1")
    assert "Idempotent-Replayed" not in second
    assert second.json()["name"] != first
    IdempotentRequest.objects.update(created_at=F("created_at") - 2 * day)
    purge_history()
    assert not IdempotentRequest.objects.exists()


def test_purged_servers_are_reported(call: Call) -> None:
    post(call, "k-1")
    Server.objects.all().delete()
    answer = post(call, "k-1")
    assert answer.status_code == 409
    assert "purged" in answer.json()["message"]


def test_of_forty_concurrent_requests_one_creates_and_all_get_the_servers(
    call: Call,
) -> None:
    call("GET", "/api/me")  # the token is made once
    answers = at_once(*[lambda: post(call, "k-race", {"count": 2})] * 40)
    assert [answer.status_code for answer in answers] == [200] * 40
    assert len({answer.content for answer in answers}) == 1
    replayed = [answer for answer in answers if "Idempotent-Replayed" in answer]
    assert len(replayed) == 39
    assert Server.objects.count() == 2
