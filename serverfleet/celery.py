"""The Celery application. Messages are hints; the database is the queue."""

import faulthandler
import os
import sys
from functools import partialmethod
from types import TracebackType
from typing import Any

from celery import Celery
from celery.app.amqp import AMQP
from celery.signals import beat_init, worker_init, worker_ready
from django.core.exceptions import ImproperlyConfigured
from kombu import Connection

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "serverfleet.settings")
# At each start of a worker, Celery would run Django's checks and drop what they found.
# They load all pages and the API: a second of CPU, and memory for good. The start, the
# System page and `manage.py check` run them.
os.environ.setdefault("CELERY_SKIP_CHECKS", "1")

STDERR = 2  # Celery replaces sys.stderr with an object that has no file
_show_trace = sys.excepthook


def _show_error(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    """Report a wrong setting in one sentence, which the celery program does not do."""
    if isinstance(error, ImproperlyConfigured):
        sys.stderr.write(f"{error}\n")
    else:
        _show_trace(kind, error, trace)


sys.excepthook = _show_error


class _Connection(Connection):
    """A connection that retries a broker that is down every two seconds.

    Celery would wait up to half a minute, and a worker would appear to hang meanwhile.
    """

    ensure_connection = partialmethod(
        Connection.ensure_connection, interval_start=1, interval_step=1, interval_max=2
    )


class _AMQP(AMQP):
    Connection = _Connection


app = Celery("serverfleet", amqp=_AMQP)
app.steps["consumer"].add("serverfleet.run.vitals:ConsumerPulse")
app.config_from_object("serverfleet.celery_settings")
# Celery would close the database connection after every task. The tasks themselves drop
# connections that are old or broken.
app.conf["CELERY_DB_REUSE_MAX"] = 1_000_000_000
app.autodiscover_tasks()


@worker_init.connect
def _refuse_wrong_keys(**_: Any) -> None:
    """Stop a worker whose keys don't match the database, since it could reach no cloud.

    This is Celery's only hook between the set-up of Django and the first task. Of all
    exceptions, only an exit gets through.
    """
    from servers.models.encryption import refuse_wrong_keys  # noqa: PLC0415

    try:
        refuse_wrong_keys()
    except ImproperlyConfigured as error:
        sys.exit(str(error))


@worker_init.connect
def _watch_worker(**_: Any) -> None:
    _watch("worker")


@worker_ready.connect
def _start_workers_heartbeat(**_: Any) -> None:
    _start_heartbeat("worker")


@beat_init.connect
def _watch_beat(**_: Any) -> None:
    _watch("beat")
    _start_heartbeat("beat")


def _watch(kind: str) -> None:
    from serverfleet.run.vitals import start_vitals  # noqa: PLC0415 - after set-up

    # A process that hangs is sent SIGABRT, and prints where its threads are.
    faulthandler.enable(STDERR)
    start_vitals(kind)


def _start_heartbeat(kind: str) -> None:
    from django.conf import settings  # noqa: PLC0415 - after set-up

    from serverfleet.run.restarts import take_notes  # noqa: PLC0415
    from serverfleet.run.vitals import get_vitals  # noqa: PLC0415
    from servers.messaging import heartbeats  # noqa: PLC0415

    def record_ends() -> None:
        for note, text in take_notes(settings.DATA_DIR) if settings.DATA_DIR else ():
            if text:
                heartbeats.record_end(note, text)

    vitals = get_vitals()
    vitals.say_ready()
    heartbeats.start_heartbeat(
        kind, vitals=vitals, also=record_ends, tell=not vitals.is_supervised
    )
