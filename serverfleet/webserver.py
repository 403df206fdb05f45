"""gunicorn's configuration: ``gunicorn -c python:serverfleet.webserver``.

It is meant to stand behind a proxy that buffers (deploy/nginx.conf). Alone, for a look
on one's own machine, it must survive clients that stop half-way, and the kernel sees to
that: what is set on the listening sockets is inherited by every connection.
"""

import logging
import os
import socket
import struct
import sys
from typing import Any, Final

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "serverfleet.settings")
try:
    HOST: Final[str] = settings.HOST
except ImproperlyConfigured as error:
    sys.exit(str(error))

bind = f"{f'[{HOST}]' if ':' in HOST else HOST}:{settings.PORT}"
wsgi_app = "serverfleet.wsgi"
worker_class = "serverfleet.webworker.JSONThreadWorker"
workers = settings.WEB_WORKERS
threads = settings.WEB_THREADS
preload_app = True
loglevel = "warning"
# deploy/nginx.conf hangs up before that.
keepalive = 15
# A process that is stopped, or hangs, is ended and started again after so many seconds.
timeout = 30
graceful_timeout = 3
# It would wait for a client without end, whatever the socket says.
sendfile = False
control_socket_disable = True


def when_ready(server: Any) -> None:
    """Set on the listeners what each connection inherits."""
    whole, part = divmod(settings.REQUEST_SECONDS, 1)
    patience = struct.pack("ll", int(whole), int(part * 1e6))
    for listener in server.LISTENERS:
        for option in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO):
            listener.sock.setsockopt(socket.SOL_SOCKET, option, patience)
        if hasattr(socket, "TCP_DEFER_ACCEPT"):
            # A connection that is only opened, as browsers do, reaches no thread.
            listener.sock.setsockopt(
                socket.IPPROTO_TCP, socket.TCP_DEFER_ACCEPT, max(1, int(whole))
            )
    logging.getLogger("gunicorn.error").addFilter(_tell_calmly)


def _tell_calmly(record: logging.LogRecord) -> bool:
    """Make one line of what gunicorn takes for a fault: a client that was too slow."""
    if record.exc_info and isinstance(record.exc_info[1], BlockingIOError):
        record.msg, record.args = "A client was too slow and was disconnected.", ()
        record.exc_info = record.exc_text = None
        record.levelno, record.levelname = logging.INFO, "INFO"
    return True
