"""The Celery application. Messages are hints; the database is the queue."""

import os
import sys
from types import TracebackType

from celery import Celery
from django.core.exceptions import ImproperlyConfigured

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "serverfleet.settings")

_show_trace = sys.excepthook


def _show_error(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    """Say a wrong setting in one sentence: the celery program lets it through."""
    if isinstance(error, ImproperlyConfigured):
        sys.stderr.write(f"{error}\n")
    else:
        _show_trace(kind, error, trace)


sys.excepthook = _show_error

app = Celery("serverfleet")
app.config_from_object("django.conf:settings", namespace="CELERY")
# Celery would close the database connection after every task; the tasks themselves drop
# those that are old or broken.
app.conf["CELERY_DB_REUSE_MAX"] = 1_000_000_000
app.autodiscover_tasks()
