"""gunicorn's configuration: ``gunicorn -c python:serverfleet.web.webserver``.

It is meant to run behind a proxy that buffers (deploy/nginx.conf). Without one, for a
first look on your own machine, it must survive clients that stop half-way. The kernel
ensures that: every connection inherits the options of the listening sockets.
"""

import logging
import os
import signal
import socket
import struct
import sys
from typing import Any, Final

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from serverfleet.run.pulse import Pulse

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "serverfleet.settings")
try:
    HOST: Final[str] = settings.HOST
except ImproperlyConfigured as error:
    sys.exit(str(error))

bind = f"{f'[{HOST}]' if ':' in HOST else HOST}:{settings.PORT}"
wsgi_app = "serverfleet.wsgi"
worker_class = "serverfleet.web.webworker.JSONThreadWorker"
workers = settings.WEB_WORKERS
threads = settings.WEB_THREADS
preload_app = True
loglevel = "warning"
# deploy/nginx.conf closes connections sooner.
keepalive = 15
# After this many seconds, a process that is suspended or hangs is restarted.
timeout = 30
graceful_timeout = 3
# With it, gunicorn would wait forever for a client, despite the socket's time-out.
sendfile = False
control_socket_disable = True

BEAT_SECONDS: Final = 1.0


def when_ready(server: Any) -> None:
    """Set the options of the listeners, and begin to report to systemd."""
    _set_options(server)
    pulse = Pulse(os.environ)
    # gunicorn has no hook in its loop, so a timer reports. It stands still while the
    # process is suspended. Forked web processes don't inherit it.
    signal.signal(signal.SIGALRM, lambda *_: pulse.beat())
    signal.setitimer(signal.ITIMER_REAL, BEAT_SECONDS, BEAT_SECONDS)


def _set_options(server: Any) -> None:
    """Set the options of the listeners, which each connection inherits."""
    whole, part = divmod(settings.REQUEST_SECONDS, 1)
    patience = struct.pack("ll", int(whole), int(part * 1e6))
    for listener in server.LISTENERS:
        for option in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO):
            listener.sock.setsockopt(socket.SOL_SOCKET, option, patience)
        if hasattr(socket, "TCP_DEFER_ACCEPT"):
            # A connection without a request, as browsers open them, occupies no thread.
            listener.sock.setsockopt(
                socket.IPPROTO_TCP, socket.TCP_DEFER_ACCEPT, max(1, int(whole))
            )
    logging.getLogger("gunicorn.error").addFilter(_tell_calmly)


def _tell_calmly(record: logging.LogRecord) -> bool:
    """Log a client that was too slow as one line. gunicorn treats it as a fault."""
    if record.exc_info and isinstance(record.exc_info[1], BlockingIOError):
        record.msg, record.args = "A client was too slow and was disconnected.", ()
        record.exc_info = record.exc_text = None
        record.levelno, record.levelname = logging.INFO, "INFO"
    return True
