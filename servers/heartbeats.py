"""Signs of life: each worker and beat says every few seconds that it is there.

A thread of its own writes them, past the broker, so that what is written tells who of
them is missing: a worker, the beat, or the broker between them. The thread may live on
while the work hangs: so it writes down, too, what is wrong with the process.
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
from servers.broker import ask_broker
from servers.leases import name_process
from servers.ledger import Kind, database_now, write_event
from servers.models import Event, Fleet, Heartbeat
from servers.standstill import LATE

__all__ = ["EVERY", "LATE", "Look", "start_heartbeat", "write_heartbeat"]

logger = logging.getLogger(__name__)

EVERY: Final = 2.5  # seconds
# Who wrote an event of a note, and died before the note was gone, did so lately.
NOTED_AGAIN: Final = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Look:
    """What a process knows of itself, "" where nothing is wrong."""

    broker_error: str = ""
    trouble: str = ""


class Vitals(Protocol):
    """What tells of this process, and is told that the database answers."""

    def look(self) -> Look:
        """Return what is wrong."""

    def note_written(self) -> None:
        """Take note of a write."""


def name_slot() -> str:
    """Return what this process is started as, or "": who takes its place has it, too.

    ``host:folder:program`` under our supervisor, ``host:unit`` under systemd.
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
    """Say that this process is there; ``begins`` where it has just begun.

    ``database_seconds`` is how long the last one took to be written.
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
    # A process id may be used again: then the row is the former one's.
    if rows.update(**written, **({"started_at": now} if begins else {})):
        return
    Heartbeat.objects.bulk_create(
        [Heartbeat(name=name_process(), started_at=now, **written)],
        ignore_conflicts=True,
    )


def replace_predecessor(kind: str, *, tell: bool) -> None:
    """Take the place of who had this process's slot and left without a farewell.

    ``tell`` where nobody else does, as our supervisor would.
    """
    slot = name_slot()
    if not slot:
        return
    gone = Heartbeat.objects.filter(slot=slot, kind=kind).exclude(name=name_process())
    for name in list(gone.values_list("name", flat=True)):
        with transaction.atomic():
            if gone.filter(name=name).delete()[0] and tell:
                write_event(
                    Kind.PROCESS_ENDED,
                    reason=f"The {kind} {name} ended without a word. {name_process()} "
                    "has taken its place.",
                )


def record_end(note: str, text: str) -> None:
    """Make an event of what the supervisor noted, once: ``note`` is the note's id."""
    with tracing.bound(request_id=note, actor="supervisor"), transaction.atomic():
        lately = Event.objects.filter(at__gte=database_now() - NOTED_AGAIN)
        if not lately.filter(kind=Kind.PROCESS_ENDED, request_id=note).exists():
            write_event(Kind.PROCESS_ENDED, reason=text)


def say_farewell() -> None:
    """Take this process's row away: it ends in peace."""
    try:
        Heartbeat.objects.filter(name=name_process()).delete()
    except DatabaseError:
        logger.debug("The last heartbeat could not be taken away.")


def start_heartbeat(
    kind: str, *, vitals: Vitals, also: Callable[[], None], tell: bool
) -> None:
    """Say it from now on, in a thread, until the process ends.

    ``also`` is done each time; ``tell`` as for ``replace_predecessor``.
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
            # The next one tells that it lives; this one's connection may be broken.
            logger.debug("A heartbeat could not be written.", exc_info=True)
            connection.close()
        pause.wait(EVERY)
