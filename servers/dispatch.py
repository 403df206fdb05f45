"""Hints to the workers: sent by task name, on commit, and lost at no cost.

The database is the queue. A hint only saves the wait for the next tick, so a broker
that is down must never fail or delay what was committed.
"""

import logging
from functools import partial
from typing import Any

from celery import current_app
from django.db import transaction
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from servers import tracing

logger = logging.getLogger(__name__)

ADVANCE = "servers.tasks.advance"
OBSERVE = "servers.tasks.observe"
DESTROY = "servers.tasks.destroy_condemned"


def hint(task: str, row_id: Any) -> None:
    """Tell a worker, after the commit, that a row has something due."""
    transaction.on_commit(
        partial(_send, task, str(row_id), tracing.get_request_id()), robust=True
    )


def _send(task: str, row_id: str, request_id: str) -> None:
    try:
        current_app.send_task(
            task,
            args=[row_id],
            headers={"request_id": request_id},
            ignore_result=True,
            retry=False,
        )
    except (OperationalError, RedisError, OSError) as error:
        logger.warning(
            "The broker does not answer (%s); the next tick will find the row.",
            type(error).__name__,
        )
