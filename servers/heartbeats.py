"""Signs of life: each worker and beat says every few seconds that it is there.

A thread of its own writes them, past the broker, so that what is written tells who of
them is missing: a worker, the beat, or the broker between them.
"""

import atexit
import logging
import threading
from datetime import timedelta
from typing import Final

from django.conf import settings
from django.db import DatabaseError, connection

from servers.broker import ask_broker
from servers.leases import name_process
from servers.ledger import database_now
from servers.models import Fleet, Heartbeat

logger = logging.getLogger(__name__)

EVERY: Final = 5.0  # seconds
# Ten seconds after a beat has not come, it counts as gone.
LATE: Final = timedelta(seconds=15)


def write_heartbeat(kind: str, *, begins: bool = False) -> None:
    """Say that this process is there; ``begins`` where it has just begun."""
    # Twice: one late answer, on a machine that is busy, is no broker that is gone.
    broker_error = ask_broker().error and ask_broker().error
    now = database_now()
    written = {
        "kind": kind,
        "version": settings.VERSION,
        "seen_at": now,
        "broker_error": broker_error,
    }
    rows = Heartbeat.objects.filter(name=name_process())
    # A process id may be used again: then the row is the former one's.
    if rows.update(**written, **({"started_at": now} if begins else {})):
        return
    Heartbeat.objects.bulk_create(
        [Heartbeat(name=name_process(), started_at=now, **written)],
        ignore_conflicts=True,
    )


def say_farewell() -> None:
    """Take this process's row away: it ends in peace."""
    try:
        Heartbeat.objects.filter(name=name_process()).delete()
    except DatabaseError:
        logger.debug("The last heartbeat could not be taken away.")


def start_heartbeat(kind: str) -> None:
    """Say it from now on, in a thread, until the process ends."""
    threading.Thread(target=_run, args=(kind,), name="heartbeat", daemon=True).start()
    atexit.register(say_farewell)


def _run(kind: str) -> None:
    begins, pause = True, threading.Event()
    while True:
        try:
            write_heartbeat(kind, begins=begins)
            begins = False
        except (DatabaseError, Fleet.DoesNotExist):
            # The next one tells that it lives; this one's connection may be broken.
            logger.debug("A heartbeat could not be written.", exc_info=True)
            connection.close()
        pause.wait(EVERY)
