"""One structured line per record, with the request and actor, and without secrets.

Each request logs a line, so the cost of a line affects every request. That is why no
library's chain of processors is used (docs/decisions/0018).
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
# The public half of a token, logged to tell tokens apart.
_PUBLIC_NAMES: Final = {"token_id"}
_SECRET_VALUES: Final = re.compile(
    r"sf_[A-Za-z0-9]+_[A-Za-z0-9_-]+"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)"
    r"|(?i:(?<=bearer )|(?<=basic ))\S+"
    r"|(?i:(?<=password=)|(?<=secret=)|(?<=token=))[^\s&,;]+"
    r"|(?<=://)[^/\s:@]*:[^/\s@]+(?=@)",
    re.S,
)
# Each of those forms contains one of these, and few texts contain any. Searching for
# them first takes a quarter of the time.
_SIGNS: Final = re.compile(
    "sf_|-----begin |bearer |basic |password=|secret=|token=|://"
)
REDACTED: Final = "[redacted]"
# The attributes of every record. The caller added all others.
_OWN: Final = {*logging.makeLogRecord({}).__dict__, "message", "asctime", "taskName"}


class _Lines(logging.Formatter):
    """Format a record as one line. A subclass defines the format."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, without a newline."""
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
        """Return the line for an event whose secrets are already redacted."""
        raise NotImplementedError


class JSONLines(_Lines):
    """For log collectors: one object per line, in ASCII."""

    _encode = json.JSONEncoder().encode

    def render(self, event: dict[str, Any]) -> str:
        """Return the JSON, in which line breaks are escaped."""
        return self._encode(event)


class ConsoleLines(_Lines):
    """For people: time, level and sentence first, then all other fields."""

    def render(self, event: dict[str, Any]) -> str:
        """Return the line, followed by an indented traceback if there is one.

        The indent keeps a traceback from looking like a log line. The path of a request
        is decoded: unescaped, ``%0A`` in it would forge a line, and other characters
        would control the terminal.
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
    """Return a value without what looks like a secret, by name or by form."""
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
    # The line would show the repr of any other object.
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
            # Celery sets the root's level to that of its command.
            "servers": {"level": level},
            # Our own request line says more. Its 4xx warnings would be duplicates.
            "django.request": {"level": "ERROR"},
            # Clients can cause its errors, such as a wrong Host, with a traceback.
            "django.security": {"level": "CRITICAL"},
            "celery": {"level": "WARNING"},
            "kombu": {"level": "WARNING"},
            "amqp": {"level": "WARNING"},
        },
    }
