"""Whether the broker answers, and how many hints wait in it. Never raises or hangs.

Called by the system page and by each heartbeat. The database is the queue, so a missing
broker loses only hints. But ticks go through the broker too, so steps have to wait.
"""

from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit

from celery import current_app
from django.conf import settings
from django.core.cache import cache
from kombu.exceptions import KombuError, OperationalError
from redis.exceptions import RedisError

PATIENCE: Final = 0.4  # seconds to wait for each of its answers


@dataclass(frozen=True, slots=True)
class Answer:
    """The broker's answer: ``error`` is "" if it answered."""

    error: str = ""
    waiting: int | None = None  # hints that no worker has taken yet


def ask_broker() -> Answer:
    """Ask the broker for the length of its queue."""
    options: dict[str, Any] = {
        **current_app.conf.broker_transport_options,
        "socket_connect_timeout": PATIENCE,
        "socket_timeout": PATIENCE,
    }
    try:
        with current_app.connection_for_write(
            connect_timeout=PATIENCE, transport_options=options
        ) as connection:
            channel: Any = connection.default_channel
            queue = current_app.conf.task_default_queue
            declared = channel.queue_declare(queue=queue, auto_delete=False)
            return Answer(waiting=declared.message_count)
    except (OperationalError, KombuError, RedisError, OSError) as error:
        return Answer(error=f"{type(error).__name__}: {error}"[:200])


def name_broker() -> str:
    """Return the broker's address without its password."""
    return _name(settings.BROKER_URL)


def name_cache() -> str:
    """Return the cache's address without its password; "" if none is shared."""
    place = settings.CACHES["default"].get("LOCATION", "")
    return _name(str(place)) if place else ""


def ask_cache() -> str:
    """Return an error of the shared cache, or "". Waits at most half a second."""
    try:
        cache.get("probe")
    except (RedisError, OSError, ValueError, TypeError) as error:
        return f"{type(error).__name__}: {error}"[:200]
    return ""


def _name(url: str) -> str:
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit((parts.scheme, host, parts.path, "", ""))
