"""One structured line per record, with request and actor bound, and no secret.

Each request has a line, so what a line costs is felt in all of them: hence no library's
chain of processors (docs/decisions/0018).
"""

import json
import logging
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final

from django.core.exceptions import ImproperlyConfigured

from servers import tracing

_SECRET_NAMES: Final = re.compile(
    r"password|secret|token|authorization|cookie|credential|private|api[_-]?key", re.I
)
# Half of a token, told to tell tokens apart.
_PUBLIC_NAMES: Final = {"token_id"}
_SECRET_VALUES: Final = re.compile(
    r"sf_[A-Za-z0-9]+_[A-Za-z0-9_-]+"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)"
    r"|(?i:(?<=bearer )|(?<=basic ))\S+"
    r"|(?i:(?<=password=)|(?<=secret=)|(?<=token=))[^\s&,;]+"
    r"|(?<=://)[^/\s:@]*:[^/\s@]+(?=@)",
    re.S,
)
# Each of those forms has one of these in it, and few texts have any: they are looked
# for first, as that takes a quarter of the time.
_SIGNS: Final = re.compile(
    "sf_|-----begin |bearer |basic |password=|secret=|token=|://"
)
REDACTED: Final = "[redacted]"
# What every record has; all else was added by who logged it.
_OWN: Final = {*logging.makeLogRecord({}).__dict__, "message", "asctime", "taskName"}


class _Lines(logging.Formatter):
    """Makes the line of a record; a subclass tells in which form."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, without its end."""
        event: dict[str, Any] = {
            "event": record.getMessage(),
            "level": record.levelname.lower(),
            "logger": record.name,
            "timestamp": _tell_time(record.created),
        }
        if request_id := tracing.get_request_id():
            event["request_id"] = request_id
        if actor := tracing.get_actor():
            event["actor"] = actor
        added = record.__dict__
        event.update((name, added[name]) for name in added if name not in _OWN)
        if record.exc_info:
            event["exception"] = self.formatException(record.exc_info)
        return self.render({name: _redact(name, each) for name, each in event.items()})

    def render(self, event: dict[str, Any]) -> str:
        """Return the line of what it tells; secrets are out of it by now."""
        raise NotImplementedError


class JSONLines(_Lines):
    """For a collector of logs: one object a line, in ASCII."""

    _encode = json.JSONEncoder().encode

    def render(self, event: dict[str, Any]) -> str:
        """Return the JSON, which escapes what could end the line."""
        return self._encode(event)


class ConsoleLines(_Lines):
    """For people: time, level and sentence first, behind them what else is told."""

    def render(self, event: dict[str, Any]) -> str:
        """Return the line, and under it a trace, set in, so that none looks like one.

        A path of a request is decoded: unescaped, ``%0A`` in it would forge a line, and
        other characters would steer the terminal.
        """
        trace = str(event.pop("exception", "")).splitlines()
        told = {name: _escape(str(value)) for name, value in event.items()}
        head = "{timestamp} [{level:<8}] {event:<30} [{logger}]".format_map(told)
        rest = (
            f" {name}={text if text and ' ' not in text else repr(text)}"
            for name, text in told.items()
            if name not in {"timestamp", "level", "event", "logger"}
        )
        return "\n    ".join([head + "".join(rest), *map(_escape, trace)])


def _tell_time(seconds: float) -> str:
    at = datetime.fromtimestamp(seconds, UTC).replace(tzinfo=None)
    return f"{at.isoformat(timespec='microseconds')}Z"


def _redact(name: str, value: Any) -> Any:
    """Return a value without what looks like a secret, by its name or by its form."""
    if _is_secret(name):
        return REDACTED
    if isinstance(value, str):
        if _SIGNS.search(value.lower()) is None:
            return value
        return _SECRET_VALUES.sub(REDACTED, value)
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, Mapping):
        return {str(key): _redact(str(key), each) for key, each in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_redact("", each) for each in value]
    # Of any other object the line would show its repr.
    return _redact("", repr(value))


@lru_cache(maxsize=1000)
def _is_secret(name: str) -> bool:
    return name not in _PUBLIC_NAMES and _SECRET_NAMES.search(name) is not None


def _escape(text: str) -> str:
    if text.isprintable():
        return text
    return "".join(
        each if each.isprintable() else each.encode("unicode_escape").decode()
        for each in text
    )


def build_config(form: str, *, level: str) -> dict[str, Any]:
    """Return Django's LOGGING for ``json`` or ``console`` lines on standard error."""
    if form not in {"json", "console"}:
        raise ImproperlyConfigured(
            f"SERVERFLEET_LOG_FORMAT is {form!r}; set it to json or console."
        )
    if level not in {"DEBUG", "INFO", "WARNING", "ERROR"}:
        raise ImproperlyConfigured(
            f"SERVERFLEET_LOG_LEVEL is {level!r}; set it to DEBUG, INFO, WARNING or "
            "ERROR."
        )
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"lines": {"()": JSONLines if form == "json" else ConsoleLines}},
        "handlers": {
            "stderr": {"class": "logging.StreamHandler", "formatter": "lines"}
        },
        "root": {"handlers": ["stderr"], "level": level},
        "loggers": {
            # Celery gives the root the level of its own command.
            "servers": {"level": level},
            # Our own request line says it better; its 4xx warnings say it twice.
            "django.request": {"level": "ERROR"},
            # Its errors are a client's doing, too: a wrong Host, with a trace.
            "django.security": {"level": "CRITICAL"},
            "celery": {"level": "WARNING"},
            "kombu": {"level": "WARNING"},
            "amqp": {"level": "WARNING"},
        },
    }
