"""One spelling of a Redis URL for two libraries.

Celery's library and Django's cache spell a socket, a database and TLS differently. Each
accepts what the other refuses or silently misreads. So a URL is parsed once, here, and
written in the right form for each.
"""

from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

from django.core.exceptions import ImproperlyConfigured

_TCP: Final = {"redis", "rediss"}
_SOCKET: Final = {"unix", "redis+socket"}
_DATABASE: Final = ("db", "virtual_host")
# Both libraries support these under the same names.
_TLS: Final = {
    *("ssl_cert_reqs", "ssl_ca_certs", "ssl_certfile", "ssl_keyfile"),
    "ssl_check_hostname",
}
_CERT_REQS: Final = {
    "none": "none",
    "cert_none": "none",
    "optional": "optional",
    "cert_optional": "optional",
    "required": "required",
    "cert_required": "required",
}
# Without the URL itself, which may contain a password.
_FORMS: Final = (
    "{name} must look like redis://user:password@host:6379/0, rediss://… for TLS, or "
    "unix:///run/redis.sock?db=0."
)


def is_redis(url: str) -> bool:
    """Tell whether a URL is one that this module reads."""
    scheme = urlsplit(url).scheme
    return scheme in _TCP or scheme in _SOCKET


@dataclass(frozen=True, slots=True)
class RedisURL:
    """The location of a Redis server: ``path`` is a socket, or "" for a host."""

    scheme: str
    user: str
    password: str
    host: str
    port: int
    path: str
    database: int
    tls: tuple[tuple[str, str], ...]

    @property
    def for_cache(self) -> str:
        """The URL as redis-py reads it."""
        return self._write("unix", "db")

    @property
    def for_celery(self) -> str:
        """The URL as kombu reads it."""
        return self._write("redis+socket", "virtual_host")

    def _write(self, socket: str, database: str) -> str:
        """Return the URL. At a socket, its scheme and parameter have these names."""
        user = ""
        if self.user or self.password:
            user = f"{quote(self.user, safe='')}:{quote(self.password, safe='')}@"
        if self.path:
            return f"{socket}://{user}{quote(self.path)}?{database}={self.database}"
        host = f"[{self.host}]" if ":" in self.host else self.host
        query = f"?{urlencode(self.tls)}" if self.tls else ""
        place = f"{host}:{self.port}/{self.database}"
        return f"{self.scheme}://{user}{place}{query}"


def at_socket(path: str) -> RedisURL:
    """Return the first database of the server at a unix socket."""
    return RedisURL("unix", "", "", "", 0, path, 0, ())


def parse_redis_url(url: str, *, name: str) -> RedisURL:
    """Parse a URL. Raise ImproperlyConfigured with one sentence if it is not valid."""
    forms = ImproperlyConfigured(_FORMS.format(name=name))
    try:
        parts = urlsplit(url)
        port = parts.port or 6379
        user, password = unquote(parts.username or ""), unquote(parts.password or "")
        host = unquote(parts.hostname or "")
    except ValueError:
        raise forms from None
    if "sentinel" in parts.scheme or "cluster" in parts.scheme:
        raise ImproperlyConfigured(
            f"{name} names Sentinel or a cluster, which ServerFleet does not support. "
            "Set it to the address of one Redis server."
        )
    if not is_redis(url) or parts.fragment:
        raise forms
    told = dict(parse_qsl(parts.query, keep_blank_values=True))
    user, password = told.pop("username", user), told.pop("password", password)
    database = next((found for key in _DATABASE if (found := told.pop(key, ""))), "")
    if parts.scheme in _SOCKET:
        _refuse_others(told, allowed=set(), name=name)
        # redis+socket://run/redis.sock has its first folder in place of a host.
        path = unquote(parts.path)
        if not path.strip("/"):
            raise forms
        path = f"/{host}{path}" if host else path
        number = _read_number(database, name=name)
        return RedisURL("unix", user, password, "", 0, path, number, ())
    _refuse_others(told, allowed=_TLS, name=name)
    number = _read_number(database or unquote(parts.path.strip("/")), name=name)
    if "ssl_cert_reqs" in told:
        wanted = _CERT_REQS.get(told["ssl_cert_reqs"].lower())
        if wanted is None:
            raise ImproperlyConfigured(
                f"ssl_cert_reqs in {name} must be none, optional or required."
            )
        told["ssl_cert_reqs"] = wanted
    if told and parts.scheme != "rediss":
        raise ImproperlyConfigured(
            f"{name} has TLS parameters but starts with redis://. Use rediss:// "
            "instead."
        )
    if parts.scheme == "rediss":
        # kombu does not check a certificate unless it is told to.
        told.setdefault("ssl_cert_reqs", "required")
    tls = tuple(sorted(told.items()))
    host = host or "localhost"
    return RedisURL(parts.scheme, user, password, host, port, "", number, tls)


def _read_number(text: str, *, name: str) -> int:
    if not text:
        return 0
    if not (text.isascii() and text.isdigit()) or len(text) > 6:
        raise ImproperlyConfigured(
            f"The database in {name} is {text[:40]!r}, but it must be a number."
        )
    return int(text)


def _refuse_others(told: dict[str, str], *, allowed: set[str], name: str) -> None:
    others = sorted(told.keys() - allowed)
    if others:
        raise ImproperlyConfigured(
            f"{name} has the parameter {others[0][:40]}, which ServerFleet does not "
            "use. Remove it."
        )
