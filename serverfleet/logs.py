"""One structured line per record, with request and server bound, and no secret."""

import re
from collections.abc import MutableMapping
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
    r"|(?<=Bearer )\S+"
    r"|(?<=://)[^/\s:@]*:[^/\s@]+(?=@)",
    re.S,
)
REDACTED = "[redacted]"


def redact(
    _logger: Any, _method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """Take out what looks like a secret, by its name or by its form."""
    for name, value in event.items():
        if _SECRET_NAMES.search(name):
            event[name] = REDACTED
        elif isinstance(value, str):
            event[name] = _SECRET_VALUES.sub(REDACTED, value)
    return event


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
    renderer: Any = (
        structlog.processors.JSONRenderer()
        if form == "json"
        else structlog.dev.ConsoleRenderer(colors=False)
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
                    renderer,
                ],
            }
        },
        "handlers": {
            "stderr": {"class": "logging.StreamHandler", "formatter": "lines"}
        },
        "root": {"handlers": ["stderr"], "level": level},
        "loggers": {
            # Our own request line says it better; its 4xx warnings say it twice.
            "django.request": {"level": "ERROR"},
            "django.security": {"level": "ERROR"},
            "celery": {"level": "WARNING"},
            "kombu": {"level": "WARNING"},
            "amqp": {"level": "WARNING"},
        },
    }
