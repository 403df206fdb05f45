"""How workers and the scheduler show that they work, so that they can be watched.

The sign of life comes from the loop that does the work: the consumer's loop in a
worker, the scheduler's in a beat. A worker gives none if it takes no hints although
hints wait and threads are free, or if all its threads hang. While the broker is down,
no loop can turn, and a new process would do no better. Then the thread that checks the
broker gives the sign instead.
"""

import logging
import os
import threading
import time
from typing import Any, Final

from celery import bootsteps
from celery.beat import Scheduler
from django.conf import settings

from serverfleet.run.pulse import PIPE, Pulse
from servers import workload
from servers.messaging.broker import Answer, ask_broker
from servers.messaging.heartbeats import Look

logger = logging.getLogger(__name__)

TURN_SECONDS: Final = 1.0  # between signs of life
ASK_SECONDS: Final = 2.5
# After this, the loop is reported as stuck.
LOOP_LATE: Final = 5.0
# How long hints may wait while threads are free, and how long all threads may hang.
# Longer than a statement waits for a locked database.
IDLE_MOST: Final = 15.0
HANG_MOST: Final = 20.0
# The heartbeat's thread writes more often than this if the database answers.
DATABASE_LATE: Final = 8.0
CLOCK_JITTER: Final = 1.0


class Vitals:
    """Whether this process works, judged by its loop and its threads."""

    def __init__(self, pulse: Pulse, *, threads: int = 0) -> None:
        self._pulse = pulse
        self._threads = threads  # 0 if it runs no tasks
        self._turned = time.monotonic()
        self._answer = Answer()
        self._away = False
        self._written = self._judged = time.monotonic()
        self._moves = 0
        # How long hints have waited that it could have taken, and how long all threads
        # have hung. Each look adds only a little, so suspended time does not.
        self._idle = self._hung = 0.0
        self._trouble = ""

    @property
    def is_supervised(self) -> bool:
        """Whether our supervisor, which reports each end, started this process."""
        return self._pulse.is_supervised

    def start(self) -> None:
        """Start a thread that checks the broker until the process ends."""
        threading.Thread(target=self._run, name="vitals", daemon=True).start()

    def turn(self) -> None:
        """Report, from the loop itself, that it turns."""
        self._turned = time.monotonic()
        if not self._trouble:
            self._pulse.beat()

    def say_ready(self) -> None:
        """Report that the start is complete."""
        self._turned, self._idle = time.monotonic(), 0.0
        self._pulse.say_ready()

    def count_threads(self, threads: int) -> None:
        """Record how many tasks can run at once."""
        self._threads = threads

    def look(self) -> Look:
        """Return what this process reports about itself."""
        late = time.monotonic() - self._turned
        trouble = self._trouble
        if late > LOOP_LATE and not self._away and not trouble:
            trouble = f"its loop has been stuck for {late:.0f} s"
        return Look(self._answer.error if self._away else "", trouble)

    def note_written(self) -> None:
        """Record that the database has answered."""
        self._written = time.monotonic()

    def _run(self) -> None:
        pause = threading.Event()
        while True:
            # Ask twice: one late answer on a busy machine does not mean that the
            # broker is down.
            answer = ask_broker()
            self._answer = ask_broker() if answer.error else answer
            self._away = bool(self._answer.error)
            if self._away:
                self._turned = time.monotonic()
                self._pulse.beat()
            self._judge(time.monotonic())
            pause.wait(ASK_SECONDS)

    def _judge(self, now: float) -> None:
        trouble = self._find_trouble(now) if self._threads else ""
        if trouble and not self._trouble:
            logger.error("This worker is not working: %s.", trouble)
        self._trouble = trouble
        if trouble:
            self._pulse.complain()

    def _find_trouble(self, now: float) -> str:
        passed, self._judged = min(now - self._judged, 2 * ASK_SECONDS), now
        moves, busy = workload.count_moves(), workload.count_running()
        moved, self._moves = moves != self._moves, moves
        waits = bool(self._answer.waiting) and not self._away
        is_idle = waits and busy < self._threads and not moved
        self._idle = self._idle + passed if is_idle else 0.0
        # Threads that wait for a cloud have a deadline. Those that wait for the
        # database would also wait in a new process.
        is_hung = (
            busy >= self._threads
            and not moved
            and not workload.waits_for_cloud(now)
            and now - self._written < DATABASE_LATE
        )
        self._hung = self._hung + passed if is_hung else 0.0
        if self._idle > IDLE_MOST:
            return f"hints are waiting, but it has taken none for {self._idle:.0f} s"
        if self._hung > HANG_MOST:
            return (
                f"all of its {self._threads} threads have hung for {self._hung:.0f} s"
            )
        return ""


_vitals: Vitals | None = None


class ConsumerPulse(bootsteps.StartStopStep):
    """Have the consumer's loop report that it turns, as long as it has its broker."""

    requires = ("celery.worker.consumer.tasks:Tasks",)

    def register_with_event_loop(self, consumer: Any, hub: Any) -> None:
        """Set a timer in the loop. A loop that loses its broker loses its timers."""
        get_vitals().count_threads(consumer.pool.num_processes)
        hub.timer.call_repeatedly(TURN_SECONDS, get_vitals().turn)


class FleetScheduler(Scheduler):
    """Beat's scheduler: in memory, with signs of life, and robust to clock changes."""

    def tick(self, *args: Any, **kwargs: Any) -> float:
        """Send what is due; return the seconds until the next."""
        get_vitals().turn()
        self._forget_future()
        delay: float = super().tick(*args, **kwargs)
        return delay

    def _forget_future(self) -> None:
        """Start over if the clock was set back. Otherwise nothing would become due."""
        entries: list[Any] = list(self.schedule.values())
        ahead = (entry.last_run_at - entry.default_now() for entry in entries)
        if any(each.total_seconds() > CLOCK_JITTER for each in ahead):
            logger.warning("The clock was set back. The schedule starts over.")
            for entry in entries:
                entry.last_run_at = entry.default_now()
            self.populate_heap()


def get_vitals() -> Vitals:
    """Return this process's vitals."""
    assert _vitals is not None, "the process is not watched yet"
    return _vitals


def start_vitals(kind: str) -> None:
    """Start watching this process from within."""
    global _vitals  # noqa: PLW0603 - one per process
    threads = settings.WORKER_THREADS if kind == "worker" else 0
    _vitals = Vitals(Pulse(os.environ), threads=threads)
    os.environ.pop(PIPE, None)  # not for the children of this process
    _vitals.start()
