"""Rate limits of tokens and addresses, and the headers that report them."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client, override_settings

from servers.access.rate_limits import MAX_KEYS, Counter
from servers.api.shared import limits
from servers.drill.service import free_port
from tests.api.conftest import Call

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def afresh() -> Iterator[None]:
    def forget() -> None:
        cache.clear()
        for counter in (limits.callers, limits.strangers, limits.refusals):
            counter.forget()

    forget()
    yield
    forget()


def limit_of(answer: Any) -> tuple[int, int]:
    assert 0 < int(answer["RateLimit-Reset"]) <= 60
    return int(answer["RateLimit-Limit"]), int(answer["RateLimit-Remaining"])


@override_settings(RATE_TOKEN=3)
def test_a_token_sees_what_is_left_and_is_then_refused(call: Call) -> None:
    for left in (2, 1, 0):
        answer = call("GET", "/api/me")
        assert (answer.status_code, limit_of(answer)) == (200, (3, left))
    answer = call("GET", "/api/servers")
    assert (answer.status_code, limit_of(answer)) == (429, (3, 0))
    assert answer["Retry-After"] == answer["RateLimit-Reset"]
    assert "the limit is 3 per minute. Try again in" in answer.json()["message"]
    # Another token is another caller, from the same address.
    assert call("GET", "/api/me", scopes=["servers:read"]).status_code == 200


@override_settings(RATE_ADDRESS=20)
def test_refused_tokens_have_a_lower_limit_and_lock_no_one_out(call: Call) -> None:
    wrong = {"authorization": "Bearer sf_aaa_bbb"}
    client = Client()
    answers = [client.get("/api/me", headers=wrong) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [401, 401, 429]
    assert limit_of(answers[2]) == (2, 0)
    assert client.get("/api/me").status_code == 429  # no token at all
    elsewhere = client.get("/api/me", headers=wrong, REMOTE_ADDR="10.0.0.9")
    assert elsewhere.status_code == 401
    assert call("GET", "/api/me").status_code == 200
    # What needs no token has a count of its own; probes are not counted.
    assert limit_of(client.get("/version")) == (20, 19)
    assert "RateLimit-Limit" not in client.get("/healthz")


@override_settings(RATE_TOKEN=0, RATE_ADDRESS=0)
def test_both_can_be_switched_off(call: Call) -> None:
    assert "RateLimit-Limit" not in call("GET", "/api/me")
    assert "RateLimit-Limit" not in call("GET", "/api/me", scopes=None)


def test_processes_add_up_what_they_count() -> None:
    here, there = (Counter("test", window=3600, every=0.0) for _ in range(2))
    for _ in range(3):
        here.note("ada")
    assert there.note("ada") == 4
    assert there.count("ada") == here.count("ada") == 4
    assert here.count("bob") == 0
    assert here.take("ada", 5).refused is False
    assert there.take("ada", 5).refused is True


def test_a_request_asks_the_cache_only_now_and_then(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    exchanges: list[int] = []
    seldom = Counter("test", window=3600, every=600.0)
    monkeypatch.setattr(seldom, "_exchange", lambda _, added: exchanges.append(added))
    for _ in range(1000):
        seldom.note("ada")
    assert (exchanges, seldom.count("ada")) == ([], 1000)
    seldom._counts["ada"].exchanged_at -= 601
    assert seldom.note("ada") == 1001  # the cache told nothing: it counts alone
    assert exchanges == [1001]
    assert seldom.note("ada") == 1002


def test_without_the_cache_a_process_counts_alone_for_a_while() -> None:
    gone = {
        "default": {
            "BACKEND": "django.core.cache.backends.redis.RedisCache",
            "LOCATION": f"redis://127.0.0.1:{free_port()}",
        }
    }
    counter = Counter("test", window=3600, every=0.0)
    with override_settings(CACHES=gone):
        assert [counter.note("ada") for _ in range(5)] == [1, 2, 3, 4, 5]
    assert counter._rest_until > 0
    counter._rest_until = 0
    assert counter.note("ada") == 6  # what was counted meanwhile is not lost
    assert Counter("test", window=3600, every=0.0).count("ada") == 6


def test_strangers_with_many_addresses_do_not_fill_the_memory() -> None:
    counter = Counter("test", window=3600, every=600.0)
    for number in range(MAX_KEYS + 50):
        counter.note(str(number))
    assert len(counter._counts) == MAX_KEYS
