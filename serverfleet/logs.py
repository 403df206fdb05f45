"""One structured line per record, with request and server bound, and no secret."""

import re
from collections.abc import Mapping, MutableMapping
from typing import Any

import structlog
from django.core.exceptions import ImproperlyConfigured

from servers import tracing

_SECRET_NAMES = re.compile(
    r"password|secret|token|authorization|cookie|credential|private|api[_-]?key", re.I
)
_SECRET_VALUES = re.compile(
    r"sf_[A-Za-z0-9]+_[A-Za-z0-9_-]+"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)"
    r"|(?i:(?<=bearer )|(?<=basic ))\S+"
    r"|(?i:(?<=password=)|(?<=secret=)|(?<=token=))[^\s&,;]+"
    r"|(?<=://)[^/\s:@]*:[^/\s@]+(?=@)",
    re.S,
)
# Half of a token, told to tell tokens apart.
_PUBLIC_NAMES = {"token_id"}
REDACTED = "[redacted]"


def redact(
    _logger: Any, _method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """Take out what looks like a secret, by its name or by its form."""
    for name, value in event.items():
        event[name] = _redact_value(name, value)
    return event


def _redact_value(name: str, value: Any) -> Any:
    if _SECRET_NAMES.search(name) and name not in _PUBLIC_NAMES:
        return REDACTED
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, Mapping):
        return {key: _redact_value(str(key), each) for key, each in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_redact_value("", each) for each in value]
    # Of any other object the line would show its repr.
    text = value if isinstance(value, str) else repr(value)
    return _SECRET_VALUES.sub(REDACTED, text)


def escape_controls(
    _logger: Any, _method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """Keep a record's texts from ending its line or steering the terminal.

    A path of a request is decoded: without this, ``%0A`` in it would forge a line.
    JSON escapes by itself. The lines of a trace stay, each set in, so that none looks
    like a record.
    """
    for name, value in event.items():
        if name == "exception":
            lines = str(value).splitlines()
            event[name] = "\n".join(f"    {_escape(line)}" for line in lines)
        elif isinstance(value, str):
            event[name] = _escape(value)
    return event


def _escape(text: str) -> str:
    if text.isprintable():
        return text
    return "".join(
        each if each.isprintable() else each.encode("unicode_escape").decode()
        for each in text
    )


def bind_context(
    _logger: Any, _method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """Add who asks, and in which request."""
    if request_id := tracing.get_request_id():
        event.setdefault("request_id", request_id)
    if actor := tracing.get_actor():
        event.setdefault("actor", actor)
    return event


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
    renderers: list[Any] = (
        [structlog.processors.JSONRenderer()]
        if form == "json"
        else [escape_controls, structlog.dev.ConsoleRenderer(colors=False)]
    )
    shared = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        bind_context,
    ]
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "lines": {
                "()": structlog.stdlib.ProcessorFormatter,
                "foreign_pre_chain": shared,
                "processors": [
                    structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                    structlog.processors.format_exc_info,
                    redact,
                    *renderers,
                ],
            }
        },
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
