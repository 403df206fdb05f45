"""Hints to the workers: sent by task name after the commit. Losing one does no harm.

The database is the queue. A hint only saves the wait for the next tick. So a broker
that is down, or worse, hangs, must neither break nor delay what was committed. A thread
in each process sends the hints, and drops those that it can't send.
"""

import logging
import os
import queue
import threading
from collections.abc import Iterable
from datetime import timedelta
from functools import partial
from typing import Any, Final
from uuid import UUID

from celery import current_app
from django.db import transaction
from kombu import Producer, uuid
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from servers import tracing

logger = logging.getLogger(__name__)

ADVANCE: Final = "servers.tasks.advance"
OBSERVE: Final = "servers.tasks.observe"
DESTROY: Final = "servers.tasks.destroy_condemned"
CATALOGUE: Final = "servers.tasks.refresh_catalogue"
READ: Final = "servers.tasks.read_queue"
PLAN: Final = "servers.tasks.plan_pools"
CORDON: Final = "servers.tasks.cordon_agents"
MAX_WAITING: Final = 10_000
# How many rows one hint names at most, of those that a worker takes together.
TOGETHER: Final = 50
# A hint may have been lost if its row is still due after this time.
AGAIN: Final = timedelta(seconds=10)

Hint = tuple[str, str, str]


def hint(task: str, row_id: Any) -> None:
    """After the commit, tell a worker that something is due for a row."""
    transaction.on_commit(
        partial(_send, task, str(row_id), tracing.get_request_id()), robust=True
    )


def hint_together(task: str, row_ids: Iterable[Any]) -> None:
    """After the commit, tell a worker that the same is due for several rows.

    It takes them together: ``read_rows`` returns them. One hint for each TOGETHER.
    """
    names = [str(row_id) for row_id in row_ids]
    for first in range(0, len(names), TOGETHER):
        hint(task, " ".join(names[first : first + TOGETHER]))


def read_rows(named: str) -> list[UUID]:
    """Return the rows of a hint for one or several."""
    return [UUID(row_id) for row_id in named.split()]


def hint_now(task: str, row_id: str, *, request_id: str) -> None:
    """Tell a worker at once. What is due was committed before, in no matter which task.

    Needs no connection to the database.
    """
    _send(task, row_id, request_id)


class _Outbox:
    """The hints of one process, and the thread that sends them."""

    def __init__(self) -> None:
        self.pid = os.getpid()
        self.hints: queue.Queue[Hint] = queue.Queue(MAX_WAITING)
        threading.Thread(target=self._run, name="hints", daemon=True).start()

    def put(self, hint: Hint) -> None:
        try:
            self.hints.put_nowait(hint)
        except queue.Full:
            logger.warning(
                "Too many hints wait for the broker. The next ticks find their rows."
            )

    def _run(self) -> None:
        while True:
            try:
                with current_app.producer_pool.acquire(block=True) as producer:
                    self._send_all(producer)
            except (OperationalError, RedisError, OSError) as error:
                dropped = self._drop() + 1
                logger.warning(
                    "The broker does not answer (%s). Hints dropped: %d. The next "
                    "ticks find their rows.",
                    type(error).__name__,
                    dropped,
                )

    def _send_all(self, producer: Producer) -> None:
        """Send hints until the broker fails."""
        while True:
            task, row_id, request_id = self.hints.get()
            message = current_app.amqp.as_task_v2(
                uuid(),
                task,
                args=(row_id,),
                argsrepr=row_id,
                kwargsrepr="",
                ignore_result=True,
            )
            # send_task would add routes, signals and a declaration each time. A POST
            # with it takes 6 to 12 % more CPU (docs/benchmarks.md).
            producer.publish(
                message.body,
                headers={**message.headers, "request_id": request_id},
                serializer="json",
                exchange="",
                routing_key=current_app.conf.task_default_queue,
                **message.properties,
            )

    def _drop(self) -> int:
        """Drop all waiting hints: each would wait as long as the first."""
        dropped = 0
        while True:
            try:
                self.hints.get_nowait()
            except queue.Empty:
                return dropped
            dropped += 1


_outbox: _Outbox | None = None
_lock = threading.Lock()


def _send(task: str, row_id: str, request_id: str) -> None:
    global _outbox  # noqa: PLW0603 - one outbox per process, created again after a fork
    if _outbox is None or _outbox.pid != os.getpid():
        with _lock:
            if _outbox is None or _outbox.pid != os.getpid():
                try:
                    _outbox = _Outbox()
                except RuntimeError as error:
                    logger.warning(
                        "Could not start a thread for the hints (%s). The next ticks "
                        "find their rows.",
                        error,
                    )
                    return
    _outbox.put((task, row_id, request_id))
