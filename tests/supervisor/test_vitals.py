"""What a worker and a scheduler take for a sign that they work, and what not."""

import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from kombu.exceptions import OperationalError

from serverfleet.celery import app
from serverfleet.run import vitals as vitals_module
from serverfleet.run.vitals import (
    ASK_SECONDS,
    HANG_MOST,
    IDLE_MOST,
    LOOP_LATE,
    FleetScheduler,
    Vitals,
)
from servers import workload
from servers.messaging.broker import Answer


class Heard:
    """A supervisor's ear: what a pulse says, by name."""

    is_supervised = True

    def __init__(self) -> None:
        self.said: list[str] = []

    def beat(self) -> None:
        self.said.append("beat")

    def complain(self) -> None:
        self.said.append("complaint")

    def say_ready(self) -> None:
        self.said.append("ready")


def make_vitals(threads: int = 2) -> tuple[Vitals, Heard]:
    heard = Heard()
    return Vitals(heard, threads=threads), heard  # type: ignore[arg-type]


@pytest.fixture
def busy() -> Iterator[threading.Event]:
    """Two threads that run a task each, until they may end."""
    ends, inside = threading.Event(), threading.Barrier(3)

    def run() -> None:
        with workload.running():
            inside.wait(10)
            ends.wait(60)

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    inside.wait(10)
    yield ends
    ends.set()
    for thread in threads:
        thread.join()


def test_the_loop_gives_the_sign_and_a_late_one_is_told() -> None:
    vitals, heard = make_vitals()
    vitals.turn()
    assert heard.said == ["beat"]
    assert vitals.look().trouble == ""
    vitals._turned -= LOOP_LATE + 1
    assert "its loop has been stuck for 6 s" in vitals.look().trouble


def judge_for(vitals: Vitals, seconds: float, *, written: bool = True) -> None:
    """Have it judged every few seconds for a while, from when it last was."""
    begun, passed = vitals._judged, 0.0
    while passed < seconds:
        passed += ASK_SECONDS
        if written:
            vitals._written = begun + passed
        vitals._judge(begun + passed)


def test_a_worker_that_takes_nothing_though_hints_wait_complains() -> None:
    vitals, heard = make_vitals()
    vitals._answer = Answer(waiting=3)
    vitals._judge(time.monotonic())
    vitals._idle = 0.0
    judge_for(vitals, IDLE_MOST - ASK_SECONDS)
    assert heard.said == []
    judge_for(vitals, 2 * ASK_SECONDS)
    assert "complaint" in heard.said
    assert "hints are waiting, but it has taken none" in vitals.look().trouble
    # A loop that turns gives no sign as long as that lasts.
    vitals.turn()
    assert "beat" not in heard.said
    with workload.running():
        pass
    judge_for(vitals, ASK_SECONDS)
    vitals.turn()
    assert heard.said[-1] == "beat"
    assert vitals.look().trouble == ""


def test_a_machine_that_slept_makes_no_worker_complain() -> None:
    vitals, heard = make_vitals()
    vitals._answer = Answer(waiting=3)
    vitals._judge(vitals._judged + 3600)
    assert heard.said == []


def test_a_worker_without_hints_or_without_a_broker_is_idle_and_well() -> None:
    for answer, away in ((Answer(waiting=0), False), (Answer(error="refused"), True)):
        vitals, heard = make_vitals()
        vitals._answer, vitals._away = answer, away
        judge_for(vitals, IDLE_MOST * 10)
        assert heard.said == []


def test_threads_that_all_hang_are_told_unless_the_database_does(
    busy: threading.Event,
) -> None:
    vitals, heard = make_vitals()
    judge_for(vitals, HANG_MOST * 3, written=False)
    assert heard.said == []  # the database has not answered for as long
    judge_for(vitals, HANG_MOST + ASK_SECONDS)
    assert "complaint" in heard.said
    assert "all of its 2 threads have hung" in vitals.look().trouble
    # One thread that is free is enough.
    free, heard = make_vitals(threads=3)
    judge_for(free, HANG_MOST * 3)
    assert heard.said == []
    assert not busy.is_set()


def test_a_thread_that_waits_for_a_cloud_does_not_hang() -> None:
    ends, inside = threading.Event(), threading.Event()

    def run() -> None:
        with workload.running(), workload.calling():
            inside.set()
            ends.wait(60)

    thread = threading.Thread(target=run)
    thread.start()
    assert inside.wait(10)
    vitals, heard = make_vitals(threads=1)
    try:
        judge_for(vitals, 100)
        assert heard.said == []
        # No call takes this long: each has a deadline.
        judge_for(vitals, workload.CALL_MOST)
        assert "complaint" in heard.said
    finally:
        ends.set()
        thread.join()


def test_the_schedule_goes_on_when_the_clock_is_set_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sent = []
    monkeypatch.setattr(vitals_module, "_vitals", make_vitals(threads=0)[0])
    scheduler = FleetScheduler(app)
    scheduler.apply_entry = lambda entry, **_: sent.append(entry.name)  # type: ignore[method-assign]
    scheduler.__dict__["producer"] = None
    now = time.time()
    clock = {"ahead": timedelta(hours=1)}
    for entry in scheduler.schedule.values():
        schedule: Any = entry.schedule
        schedule.nowfun = lambda: app.now() + clock["ahead"]
        entry.last_run_at = entry.default_now()
    scheduler.tick()
    clock["ahead"] = timedelta(0)  # it was an hour ahead, and was mended
    ends = time.monotonic() + 10
    while "tick" not in sent and time.monotonic() < ends:
        time.sleep(max(0.0, min(0.2, scheduler.tick())))
    assert "tick" in sent
    assert time.time() - now < 10


def test_a_broker_that_is_down_is_tried_again_every_two_seconds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("kombu.utils.functional.sleep", lambda _: None)
    waits: list[float] = []
    # What a worker and a scheduler connect with.
    for connection in (app.connection_for_read(), app.connection_for_write()):
        away = connection.clone(hostname="redis+socket:///nowhere")
        with pytest.raises(OperationalError):
            away.ensure_connection(lambda _, wait: waits.append(wait), 5)
    assert len(waits) == 10
    assert max(waits) == 2
