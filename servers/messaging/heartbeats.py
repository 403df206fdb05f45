"""Heartbeats: each worker and scheduler reports every few seconds that it is running.

A separate thread writes them to the database, not through the broker. So they show what
is missing: a worker, the scheduler, or the broker between them. The thread may keep
running while the work hangs, so it also writes what is wrong with the process.
"""

import atexit
import logging
import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, Protocol

from django.conf import settings
from django.db import DatabaseError, connection, transaction

from servers import tracing
from servers.messaging.broker import ask_broker
from servers.models import Event, Fleet, Heartbeat
from servers.records.leases import name_process
from servers.records.ledger import Fact, database_now, write_event

logger = logging.getLogger(__name__)

EVERY: Final = 2.5  # seconds
# How long ago a note's event may have been written by a process that then died.
NOTED_AGAIN: Final = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Look:
    """What a process knows about itself; "" if nothing is wrong."""

    broker_error: str = ""
    trouble: str = ""


class Vitals(Protocol):
    """Report on this process, and learn that the database answers."""

    def look(self) -> Look:
        """Return what is wrong."""

    def note_written(self) -> None:
        """Note that a heartbeat was written."""


def name_slot() -> str:
    """Return the slot in which this process was started, or "". A successor shares it.

    It is ``host:folder:program`` under our supervisor, ``host:unit`` under systemd.
    """
    slot = os.environ.get("SERVERFLEET_PROCESS", "")
    return f"{name_process().rpartition(':')[0]}:{slot}"[:100] if slot else ""


def write_heartbeat(
    kind: str,
    *,
    begins: bool = False,
    look: Look | None = None,
    database_seconds: float = 0.0,
) -> None:
    """Write that this process is running; ``begins`` if it has just started.

    ``database_seconds`` is how long the previous heartbeat took to write.
    """
    if look is None:
        look = Look(ask_broker().error)
    now = database_now()
    written = {
        "kind": kind,
        "version": settings.VERSION,
        "seen_at": now,
        "slot": name_slot(),
        "broker_error": look.broker_error,
        "trouble": look.trouble[:200],
        "database_seconds": database_seconds,
    }
    rows = Heartbeat.objects.filter(name=name_process())
    # A process id may be reused. Then the row is that of an earlier process.
    if rows.update(**written, **({"started_at": now} if begins else {})):
        return
    Heartbeat.objects.bulk_create(
        [Heartbeat(name=name_process(), started_at=now, **written)],
        ignore_conflicts=True,
    )


def replace_predecessor(kind: str, *, tell: bool) -> None:
    """Remove the heartbeats of earlier processes that crashed in this one's slot.

    ``tell``: write an event for each. Our own supervisor does that itself.
    """
    slot = name_slot()
    if not slot:
        return
    word = "scheduler" if kind == Heartbeat.Process.BEAT else kind
    gone = Heartbeat.objects.filter(slot=slot, kind=kind).exclude(name=name_process())
    for name in list(gone.values_list("name", flat=True)):
        with transaction.atomic():
            if gone.filter(name=name).delete()[0] and tell:
                write_event(
                    Fact.PROCESS_ENDED,
                    reason=f"The {word} {name} stopped unexpectedly. {name_process()} "
                    "has replaced it.",
                )


def record_end(note: str, text: str) -> None:
    """Write one event for a note of the supervisor. ``note`` is the note's id."""
    with tracing.bound(request_id=note, actor="supervisor"), transaction.atomic():
        lately = Event.objects.filter(at__gte=database_now() - NOTED_AGAIN)
        if not lately.filter(kind=Fact.PROCESS_ENDED, request_id=note).exists():
            write_event(Fact.PROCESS_ENDED, reason=text)


def say_farewell() -> None:
    """Delete this process's row, as it stops normally."""
    try:
        Heartbeat.objects.filter(name=name_process()).delete()
    except DatabaseError:
        logger.debug("Could not delete this process's heartbeat.")


def start_heartbeat(
    kind: str, *, vitals: Vitals, also: Callable[[], None], tell: bool
) -> None:
    """Write heartbeats in a thread until the process ends.

    ``also`` is called each time; ``tell`` is as for ``replace_predecessor``.
    """
    arguments = (kind, vitals, also, tell)
    threading.Thread(target=_run, args=arguments, name="heartbeat", daemon=True).start()
    atexit.register(say_farewell)


def _run(kind: str, vitals: Vitals, also: Callable[[], None], tell: bool) -> None:
    begins, pause = True, threading.Event()
    took = 0.0
    while True:
        try:
            look, asked = vitals.look(), time.monotonic()
            write_heartbeat(kind, begins=begins, look=look, database_seconds=took)
            took = time.monotonic() - asked
            vitals.note_written()
            if begins:
                replace_predecessor(kind, tell=tell)
            begins = False
            also()
        except (DatabaseError, Fleet.DoesNotExist):
            # Try again with the next heartbeat. This connection may be broken.
            logger.debug("Could not write a heartbeat.", exc_info=True)
            connection.close()
        pause.wait(EVERY)
