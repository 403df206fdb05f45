"""Where the broker and the cache are: the environment decides.

Both can be one Redis server, or the embedded broker in the data folder.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from django.core.exceptions import ImproperlyConfigured

from serverfleet import env, redis_url
from serverfleet.run import data_folder

# The maximum length of a unix socket's path.
SOCKET_BYTES: Final = 107
CACHE_OPTIONS: Final[dict[str, Any]] = {
    "socket_timeout": 0.5,
    "socket_connect_timeout": 0.5,
    # Django's own serializer would unpickle whatever it finds there.
    "serializer": "servers.access.rate_limits.NumberSerializer",
}


@dataclass(frozen=True, slots=True)
class Broker:
    """The broker, and the cache beside it."""

    url: str = field(repr=False)  # as Celery reads it
    socket: str  # of the embedded broker, even if another one is used
    is_embedded: bool
    cache: dict[str, Any] = field(repr=False)  # one of Django's CACHES


def find_broker(folder: Path | None) -> Broker:
    """Return the broker that the environment names, or that of the data folder."""
    socket = env.read_text("SERVERFLEET_BROKER_SOCKET")
    if not socket and folder:
        socket = str(data_folder.place_socket(folder, most=SOCKET_BYTES))
    redis, broker = env.read_secret("REDIS_URL"), env.read_secret("BROKER_URL")
    is_embedded = not redis and not broker and bool(socket)
    shared = None
    if redis:
        shared = redis_url.parse_redis_url(redis, name="REDIS_URL")
    elif is_embedded:
        shared = redis_url.at_socket(socket)
    if redis_url.is_redis(broker):
        broker = redis_url.parse_redis_url(broker, name="BROKER_URL").for_celery
    elif not broker and shared:
        broker = shared.for_celery
    if not broker:
        raise ImproperlyConfigured(
            "No broker is configured. Set REDIS_URL or BROKER_URL, or set "
            "SERVERFLEET_DATA to a data folder."
        )
    return Broker(broker, socket, is_embedded, _find_cache(shared))


def _find_cache(shared: redis_url.RedisURL | None) -> dict[str, Any]:
    if shared is None:
        return {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}
    return {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": shared.for_cache,
        "KEY_PREFIX": "serverfleet",
        "OPTIONS": CACHE_OPTIONS,
    }
