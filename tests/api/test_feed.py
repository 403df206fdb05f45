"""The feed of events: followers miss no event, and waiting costs little."""

import random
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection, transaction

from servers.models import Event
from servers.records.ledger import Fact, write_event
from servers.reports import feed
from servers.reports.feed import MAX_WAITING, find_horizon, read_events
from tests.api.conftest import Call

pytestmark = pytest.mark.django_db(transaction=True)


def ids_after(after: int) -> list[int]:
    return [event.pk for event in read_events(after=after, limit=500)]


def in_thread(act: Callable[[], None]) -> threading.Thread:
    def run() -> None:
        try:
            act()
        finally:
            connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    return thread


@pytest.mark.postgresql
def test_an_event_that_commits_after_a_higher_id_delays_the_feed() -> None:
    write_event(Fact.PAUSED)
    (first,) = ids_after(0)
    written, may_commit = threading.Event(), threading.Event()
    slow: list[int] = []

    def write_slowly() -> None:
        with transaction.atomic():
            write_event(Fact.FROZEN)
            slow.append(Event.objects.latest("id").pk)
            written.set()
            may_commit.wait(20)

    thread = in_thread(write_slowly)
    assert written.wait(20)
    write_event(Fact.RESUMED)
    later = Event.objects.latest("id").pk
    assert later > slow[0]
    assert ids_after(first) == []  # not the later one alone
    may_commit.set()
    thread.join()
    assert ids_after(first) == [slow[0], later]


@pytest.mark.postgresql
def test_a_rollback_delays_nothing_and_a_transaction_announces_once() -> None:
    def count_locks() -> int:
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'")
            return int(cursor.fetchone()[0])

    with transaction.atomic():
        for _ in range(5):
            write_event(Fact.PAUSED)
        assert count_locks() == 1
        # What this transaction has written is for itself not yet in the feed.
        assert ids_after(0) == []
    assert count_locks() == 0
    with transaction.atomic():
        inner = transaction.savepoint()
        write_event(Fact.PAUSED)
        transaction.savepoint_rollback(inner)
        write_event(Fact.PAUSED)
        assert count_locks() == 1
        transaction.set_rollback(True)
    assert (count_locks(), len(ids_after(0))) == (0, 5)
    write_event(Fact.RESUMED)
    assert len(ids_after(0)) == 6
    assert find_horizon() == ids_after(0)[-1]


def test_a_follower_of_eight_writers_misses_nothing() -> None:
    writers, each = 8, 12

    def write(seed: int) -> None:
        dice = random.Random(seed)
        try:
            for _ in range(each):
                with transaction.atomic():
                    write_event(Fact.PAUSED)
                    time.sleep(dice.random() * 0.004)
                    write_event(Fact.RESUMED)
        finally:
            connection.close()

    seen: list[int] = []
    with ThreadPoolExecutor(writers) as pool:
        runs = [pool.submit(write, seed) for seed in range(writers)]
        while not all(run.done() for run in runs):
            seen += ids_after(seen[-1] if seen else 0)
        for run in runs:
            run.result()
    seen += ids_after(seen[-1] if seen else 0)
    assert seen == list(Event.objects.order_by("id").values_list("pk", flat=True))
    assert len(seen) == writers * each * 2


def test_waiting_requests_return_as_soon_as_something_happens(
    call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    call("POST", "/api/pause")
    last = call("GET", "/api/events").json()[-1]["id"]
    looks: list[bool] = []
    sleep = time.sleep

    def sleeping(seconds: float) -> None:
        # It holds no connection while it waits.
        looks.append(connection.connection is None)
        if len(looks) == 3:
            in_thread(lambda: call("POST", "/api/resume") and None).join()
        sleep(seconds / 50)

    monkeypatch.setattr(time, "sleep", sleeping)
    answer = call("GET", f"/api/events?after={last}&wait=30")
    assert [event["kind"] for event in answer.json()] == ["resumed"]
    assert looks == [True] * 3


def test_waiting_ends_empty_after_its_time(call: Call) -> None:
    call("POST", "/api/pause")
    last = call("GET", "/api/events").json()[-1]["id"]
    began = time.monotonic()
    answer = call("GET", f"/api/events?after={last}&wait=1")
    assert (answer.status_code, answer.json()) == (200, [])
    assert 1 <= time.monotonic() - began < 5
    assert "Retry-After" not in answer
    for wrong in ("31", "-1", "x", "1.5", ""):
        assert call("GET", f"/api/events?wait={wrong}").status_code == 400, wrong


def test_only_some_requests_can_wait_and_others_get_retry_after(call: Call) -> None:
    held: list[Any] = [feed._waiting.acquire() for _ in range(MAX_WAITING)]
    try:
        answer = call("GET", "/api/events?after=999999&wait=30")
        assert (answer.status_code, answer.json()) == (200, [])
        assert answer["Retry-After"] == "2"
        # What is there is shown to anybody at once.
        assert len(call("GET", "/api/events?wait=30").json()) > 0
    finally:
        for _ in held:
            feed._waiting.release()
    call("GET", "/api/events?after=999999&wait=1")
    assert feed._waiting.acquire(blocking=False)  # it was given back
    feed._waiting.release()
