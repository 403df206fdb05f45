"""``/api/hooks``: a CI makes the next read of its queue come at once."""

import hashlib
import hmac
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from servers import pools
from servers.api import hooks
from servers.api.shared import limits
from servers.messaging import dispatch
from servers.models import Event, Hook, HookDelivery, Queue
from servers.operations.queues import save_queue
from servers.reconciler.purge import purge_history
from servers.records.ledger import database_now
from tests.api.conftest import Call
from tests.clouds.fakes.base import running
from tests.clouds.fakes.wire import Request
from tests.queues.fakes.github import FakeGitHub

pytestmark = pytest.mark.django_db(transaction=True)

BODY = b'{"action": "queued"}'
REFUSED = {"message": "This hook was refused."}


@pytest.fixture(autouse=True)
def forget() -> Iterator[None]:
    for counter in (hooks.deliveries, limits.refusals):
        counter.forget()
    cache.clear()
    yield
    for counter in (hooks.deliveries, limits.refusals):
        counter.forget()


@pytest.fixture
def github() -> Iterator[FakeGitHub]:
    with running(FakeGitHub()) as fake:
        yield fake


@pytest.fixture
def hints(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Return the hints to read queues that were sent."""
    sent: list[Any] = []

    def note(task: str, pk: Any) -> None:
        if task == dispatch.READ:
            sent.append(pk)

    monkeypatch.setattr(dispatch, "hint", note)
    return sent


def make_queue(url: str = "https://api.github.com", **more: Any) -> Queue:
    options = {"repositories": ["acme/app"], "poll": 600}
    queue = Queue(name="ci", kind="github", url=url, options=options, **more)
    save_queue(queue, credentials={"token": "token-one"})
    now = database_now()
    Queue.objects.update(next_read_at=now + timedelta(hours=1))
    return queue


def create_hook(send: Call) -> str:
    answer = send("POST", "/api/queues/ci/hook")
    assert answer.status_code == 201, answer.content
    secret: str = answer.json()["secret"]
    return secret


def deliver(
    secret: str, body: bytes = BODY, *, name: str = "ci", delivery: str = "72d3162e"
) -> Any:
    mac = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    return Client().post(
        f"/api/hooks/{name}",
        body,
        content_type="application/json",
        headers={
            "X-Hub-Signature-256": f"sha256={mac}",
            "X-GitHub-Delivery": delivery,
        },
    )


def waits() -> float:
    """Return the seconds until the next read is due."""
    at = Queue.objects.values_list("next_read_at", flat=True).get()
    assert at is not None
    return (at - database_now()).total_seconds()


def test_a_hook_makes_the_next_read_come_at_once(send: Call, hints: list[Any]) -> None:
    queue = make_queue()
    secret = create_hook(send)
    answer = deliver(secret)
    assert (answer.status_code, answer.content) == (204, b"")
    assert waits() <= 0
    assert hints == [queue.pk]
    shown = send("GET", "/api/queues/ci").json()
    assert shown["hook"] is True
    assert shown["hooked"] > 0


def test_a_delivery_that_comes_twice_does_nothing(send: Call, hints: list[Any]) -> None:
    make_queue()
    secret = create_hook(send)
    deliver(secret)
    Queue.objects.update(next_read_at=database_now() + timedelta(hours=1))
    again = deliver(secret, delivery="another")
    assert again.status_code == 204
    assert waits() > 3000
    assert len(hints) == 1
    assert deliver(secret, BODY + b" ").status_code == 204
    assert waits() <= 0


def test_strangers_learn_nothing(send: Call, hints: list[Any]) -> None:
    make_queue()
    bare = deliver("guess")
    create_hook(send)
    wrong = deliver("guess")
    unknown = deliver("guess", name="no-such")
    nul = deliver("guess", name="c%00i")
    unsigned = Client().post("/api/hooks/ci", BODY, content_type="application/json")
    for answer in (bare, wrong, unknown, nul, unsigned):
        assert answer.status_code == 401
        assert answer.json() == REFUSED
        assert answer.headers["WWW-Authenticate"] == "Signature"
    assert waits() > 3000
    assert hints == []
    assert not HookDelivery.objects.exists()


def test_the_same_is_asked_of_the_database_whatever_is_wrong(send: Call) -> None:
    make_queue()
    create_hook(send)
    counts = []
    for name in ("ci", "no-such", "c%00i"):
        with CaptureQueriesContext(connection) as caught:
            deliver("guess", name=name)
        counts.append(len(caught))
    assert len(set(counts)) == 1


def test_strangers_are_limited_and_the_ci_is_not_by_them(
    send: Call, settings: Any
) -> None:
    settings.RATE_ADDRESS = 30
    make_queue()
    secret = create_hook(send)
    codes = [deliver("guess").status_code for _ in range(5)]
    assert codes == [401, 401, 401, 429, 429]
    assert deliver(secret).status_code == 204


def test_more_deliveries_than_make_sense_are_taken_without_an_effect(
    send: Call, hints: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hooks, "MAX_DELIVERIES", 3)
    make_queue()
    secret = create_hook(send)
    codes = {deliver(secret, b"%d" % each).status_code for each in range(6)}
    assert codes == {204}
    assert len(hints) == HookDelivery.objects.count() == 3


def test_a_body_that_is_too_large_is_refused(send: Call) -> None:
    make_queue()
    secret = create_hook(send)
    body = b"x" * (hooks.MAX_BODY_BYTES + 1)
    assert deliver(secret, body[:-1]).status_code == 204
    answer = deliver(secret, body)
    assert answer.status_code == 413
    assert "512 KiB" in answer.json()["message"]


def test_no_hook_hastens_a_queue_whose_ci_wants_to_be_left_alone(
    send: Call, github: FakeGitHub, hints: list[Any]
) -> None:
    queue = make_queue(github.url)
    secret = create_hook(send)
    github.throttle(role="runs", times=2, retry_after=300)
    pools.read_queue(queue.pk)
    assert 200 < waits() <= 300
    hints.clear()
    assert deliver(secret).status_code == 204
    assert 200 < waits() <= 300
    # Whoever gets a hint reads at once.
    assert hints == []


def test_reads_that_hooks_hasten_are_a_second_apart(
    send: Call, github: FakeGitHub
) -> None:
    queue = make_queue(github.url)
    secret = create_hook(send)
    pools.read_queue(queue.pk)
    assert waits() > 500
    deliver(secret)
    assert waits() <= 1


def test_a_hook_that_comes_while_the_queue_is_read_is_not_lost(
    send: Call, github: FakeGitHub
) -> None:
    queue = make_queue(github.url)
    secret = create_hook(send)
    delivered: list[int] = []

    def arrive(request: Request) -> None:
        if request.role == "runs" and not delivered:
            delivered.append(deliver(secret).status_code)
            connection.close()  # this is a thread of the fake's

    github.meanwhile = arrive
    pools.read_queue(queue.pk)
    assert delivered == [204]
    assert waits() <= 1
    pools.read_queue(queue.pk)
    assert waits() > 500


def test_a_disabled_queue_is_not_read_for_a_hook(send: Call, hints: list[Any]) -> None:
    make_queue(enabled=False)
    assert deliver(create_hook(send)).status_code == 204
    assert hints == []


def test_a_secret_is_shown_once_encrypted_and_replaced(send: Call) -> None:
    make_queue()
    first, second = create_hook(send), create_hook(send)
    assert first != second
    assert deliver(first).status_code == 401
    assert deliver(second).status_code == 204
    with connection.cursor() as cursor:
        cursor.execute("SELECT secret FROM servers_hook")
        stored = str(cursor.fetchall())
    assert first not in stored
    assert second not in stored
    for path in ("/api/queues", "/api/queues/ci", "/api/events"):
        assert second not in str(send("GET", path).content)
    reasons = list(Event.objects.order_by("pk").values_list("reason", flat=True))
    assert reasons[-2:] == [
        "The hook of the queue ci was created.",
        "The hook of the queue ci has a new secret.",
    ]


def test_the_answer_says_where_hooks_go_and_where_to_enter_the_secret(
    send: Call, settings: Any
) -> None:
    make_queue()
    shown = send("POST", "/api/queues/ci/hook").json()
    assert shown["url"] == "http://testserver/api/hooks/ci"
    assert "Workflow jobs" in shown["setup"]
    settings.PUBLIC_URL = "https://fleet.example.com/base"
    shown = send("POST", "/api/queues/ci/hook").json()
    assert shown["url"] == "https://fleet.example.com/base/api/hooks/ci"


def test_a_hook_is_removed_and_goes_with_the_kind_and_the_queue(send: Call) -> None:
    queue = make_queue()
    assert send("DELETE", "/api/queues/ci/hook").status_code == 404
    secret = create_hook(send)
    assert send("DELETE", "/api/queues/ci/hook").status_code == 204
    assert deliver(secret).status_code == 401
    create_hook(send)
    queue.refresh_from_db()
    queue.kind, queue.url, queue.options = "drone", "https://drone.example.com", {}
    save_queue(queue, credentials={"token": "t", "private_key": "", "app_id": ""})
    assert not Hook.objects.exists()
    create_hook(send)
    assert send("DELETE", "/api/queues/ci").status_code == 204
    assert not Hook.objects.exists()


def test_a_secret_that_the_ci_makes_is_taken_and_not_shown(send: Call) -> None:
    save_queue(
        Queue(name="ci", kind="buildkite", url="https://agent.example.com"),
        credentials={"token": "bkct_abc"},
    )
    answer = send("POST", "/api/queues/ci/hook")
    assert answer.status_code == 400
    assert "Send the secret that Buildkite created." in str(answer.content)
    for wrong in ("short", "with a space in it", "x" * 501):
        answer = send("POST", "/api/queues/ci/hook", {"secret": wrong})
        assert (answer.status_code, list(answer.json()["errors"])) == (400, ["secret"])
    assert not Hook.objects.exists()
    given = "309c9c842g8565adecpd7469x6005989"
    answer = send("POST", "/api/queues/ci/hook", {"secret": given})
    assert answer.status_code == 201
    assert given not in str(answer.content)
    assert Hook.objects.get().secret == given


def test_a_ci_that_sends_no_hooks_is_told(send: Call) -> None:
    save_queue(
        Queue(name="ci", kind="woodpecker", url="https://woodpecker.example.com"),
        credentials={"token": "t"},
    )
    answer = send("POST", "/api/queues/ci/hook")
    assert answer.status_code == 409
    assert "sends no hooks" in answer.json()["message"]


def test_deliveries_are_forgotten_after_an_hour(send: Call) -> None:
    make_queue()
    secret = create_hook(send)
    deliver(secret)
    deliver(secret, b"another")
    old = HookDelivery.objects.order_by("pk").first()
    assert old is not None
    HookDelivery.objects.filter(pk=old.pk).update(at=old.at - timedelta(minutes=61))
    assert purge_history()
    assert HookDelivery.objects.count() == 1
