"""The WSGI entry point. A wrong setting gives one sentence, not a traceback."""

import os
import sys
from importlib import import_module

from celery import current_app
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.wsgi import get_wsgi_application
from django.urls import get_resolver

from serverfleet.web.chunks import accept_chunks
from serverfleet.web.mount import mount
from servers.clouds.registry import list_kinds

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "serverfleet.settings")

# gunicorn restarts a worker unless it exits with this code: the app can't load.
_APP_LOAD_ERROR = 4

try:
    application = mount(
        accept_chunks(
            get_wsgi_application(), most=settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        ),
        settings.SCRIPT_NAME,
    )
    import_module("servers.models.encryption").refuse_wrong_keys()
except ImproperlyConfigured as error:
    sys.stderr.write(f"{error}\n")
    sys.exit(_APP_LOAD_ERROR)


def _warm_up() -> None:
    """Load what the first requests would wait for, before the workers fork."""
    get_resolver().url_patterns  # noqa: B018 - all views, and what they import
    current_app.amqp.queues  # noqa: B018
    import_module("kombu.transport.redis")
    import_module("django.contrib.sessions.backends.db")
    list_kinds()  # the adapters, and with them libcloud


_warm_up()
