"""Hints to the workers: sent by task name, on commit, and lost at no cost.

The database is the queue. A hint only saves the wait for the next tick, so a broker
that is down, or worse, that hangs, must neither fail nor delay what was committed: a
thread of each process sends them, and drops what it can't send.
"""

import logging
import os
import queue
import threading
from functools import partial
from typing import Any, Final

from celery import current_app
from django.conf import settings
from django.db import transaction
from kombu import Producer, uuid
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from servers import tracing

logger = logging.getLogger(__name__)

ADVANCE: Final = "servers.tasks.advance"
OBSERVE: Final = "servers.tasks.observe"
DESTROY: Final = "servers.tasks.destroy_condemned"
MOST_WAITING: Final = 10_000

Hint = tuple[str, str, str]


def hint(task: str, row_id: Any) -> None:
    """Tell a worker, after the commit, that a row has something due."""
    transaction.on_commit(
        partial(_send, task, str(row_id), tracing.get_request_id()), robust=True
    )


class _Outbox:
    """The hints of one process, and the thread that sends them."""

    def __init__(self) -> None:
        self.pid = os.getpid()
        self.hints: queue.Queue[Hint] = queue.Queue(MOST_WAITING)
        threading.Thread(target=self._run, name="hints", daemon=True).start()

    def put(self, hint: Hint) -> None:
        try:
            self.hints.put_nowait(hint)
        except queue.Full:
            logger.warning("Too many hints wait for the broker; the tick will do.")

    def _run(self) -> None:
        while True:
            try:
                with current_app.producer_pool.acquire(block=True) as producer:
                    self._send_all(producer)
            except (OperationalError, RedisError, OSError) as error:
                dropped = self._drop() + 1
                logger.warning(
                    "The broker does not answer (%s): %d hints dropped; the next "
                    "ticks will find their rows.",
                    type(error).__name__,
                    dropped,
                )

    def _send_all(self, producer: Producer) -> None:
        """Send what comes, until the broker fails."""
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
            # What send_task does beyond this, routes, signals and a declaration each
            # time, has no use here and costs as much again.
            producer.publish(
                message.body,
                headers={**message.headers, "request_id": request_id},
                serializer="json",
                exchange="",
                routing_key=settings.CELERY_TASK_DEFAULT_QUEUE,
                **message.properties,
            )

    def _drop(self) -> int:
        """Forget what waits: each would wait for the broker as long as the first."""
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
    global _outbox  # noqa: PLW0603 - one outbox a process, made anew after a fork
    if _outbox is None or _outbox.pid != os.getpid():
        with _lock:
            if _outbox is None or _outbox.pid != os.getpid():
                try:
                    _outbox = _Outbox()
                except RuntimeError as error:
                    logger.warning(
                        "No thread could be started for the hints (%s); the tick "
                        "will do.",
                        error,
                    )
                    return
    _outbox.put((task, row_id, request_id))
