"""The System page: processes, broker, database, and current settings.

Work that is due is counted for the whole fleet, whoever asks.
"""

from functools import cache
from typing import Any, Final
from urllib.parse import urlsplit

import django
from django.conf import settings
from django.core.checks import run_checks
from django.db import connection
from django.db.models import Count, Min
from django.views.generic import TemplateView

from servers.access.reach import all_servers
from servers.dashboard.shared.live import Live
from servers.messaging.broker import ask_broker, ask_cache, name_broker, name_cache
from servers.messaging.standstill import LATE, TICK_LATE, find_standstill
from servers.models import Heartbeat
from servers.placing.location_gate import is_confirmed
from servers.reports.attention.load import read_moment

# Only the settings in this list are shown, by their variables without SERVERFLEET_.
_SHOWN: Final = {
    "TICK_SECONDS": "seconds between ticks",
    "WORKER_THREADS": "threads per worker",
    "PENDING_DEADLINE": "seconds allowed before a create call",
    "BOOT_DEADLINE": "seconds allowed to boot",
    "CREATE_TRIES": "attempts before the next fallback",
    "ERROR_RETENTION": "seconds that an errored server keeps its instance",
    "STOPPED_RETENTION": "seconds that stopped servers stay listed",
    "SESSION_SECONDS": "seconds until a log-in expires",
    "SESSION_IDLE_SECONDS": "seconds until an idle log-in expires",
    "PROXY_COUNT": "proxies in front",
    "METRICS_OPEN": "/metrics without a token",
    "HTTPS": "secure cookies, redirect, HSTS",
    "ALLOWED_HOSTS": "accepted host names",
    "TRUSTED_ORIGINS": "origins that forms may come from",
    "LOG_LEVEL": "lowest level that is logged",
    "CACHE_SECRETS": "encoded servers, with secrets, may be kept in memory",
    "DEBUG": "Django's debug mode",
}
# Where Django's setting has another name than the variable.
_DJANGOS: Final = {
    "SESSION_SECONDS": "SESSION_COOKIE_AGE",
    "TRUSTED_ORIGINS": "CSRF_TRUSTED_ORIGINS",
}


class SystemPage(Live, TemplateView):
    """Show workers, scheduler, broker, database, settings and checks."""

    template_name = "system/page.html"
    permission_required = "servers.view_fleet"
    bucket_seconds = 10  # heartbeats and the broker move no stamp

    def read_moment(self) -> tuple[object, ...] | None:
        """Let the tag also move with the heartbeats."""
        return read_moment()

    def get_context_data(self, **context: Any) -> dict[str, Any]:
        """Query the database, and the broker for at most half a second."""
        data = super().get_context_data(**context)
        now = data["now"]
        beats = list(Heartbeat.objects.all())
        due = (
            all_servers()
            .filter(next_step_at__lte=now)
            .aggregate(count=Count("id"), oldest=Min("next_step_at"))
        )
        return data | {
            "processes": [(beat, now - beat.seen_at <= LATE) for beat in beats],
            "standstill": find_standstill(beats, data["fleet"], now=now),
            "ticks": now - (data["fleet"].ticked_at or data["fleet"].created_at)
            <= TICK_LATE,
            "is_confirmed": is_confirmed(data["fleet"]),
            "broker": ask_broker(),
            "broker_address": name_broker(),
            "cache_error": ask_cache(),
            "cache_address": name_cache(),
            "due": due["count"],
            "delay": (now - due["oldest"]).total_seconds() if due["oldest"] else 0,
            "database": describe_database(),
            "versions": describe_versions(),
            "shown": [
                (f"SERVERFLEET_{name}", _say(_DJANGOS.get(name, name)), text)
                for name, text in _SHOWN.items()
            ],
            "findings": run_system_checks(),
            "https": settings.HTTPS,
            "idle_seconds": 10,
        }


def describe_database() -> str:
    """Return which database it is, without user or password."""
    settings_dict = connection.settings_dict
    if connection.vendor == "sqlite":
        return f"SQLite at {settings_dict['NAME']}"
    place = settings_dict.get("HOST") or "a socket"
    port = settings_dict.get("PORT")
    where = f"{place}:{port}" if port else place
    return f"PostgreSQL {settings_dict['NAME']} at {where}"


@cache
def describe_versions() -> tuple[tuple[str, str], ...]:
    """Return the versions in use."""
    version = ".".join(str(part) for part in connection.get_database_version())
    return (
        ("ServerFleet", f"{settings.VERSION} {settings.COMMIT}".strip()),
        ("Django", django.get_version()),
        ("SQLite" if connection.vendor == "sqlite" else "PostgreSQL", version),
    )


@cache
def run_system_checks() -> tuple[tuple[str, str, str, str], ...]:
    """Return tone, id, text and hint of each finding of the system checks.

    Run once per process: settings and code do not change.
    """
    return tuple(
        (
            "bad" if found.is_serious() else "warn",
            found.id or "",
            str(found.msg),
            str(found.hint or ""),
        )
        for found in run_checks(include_deployment_checks=settings.HTTPS)
        if not found.is_silenced()
    )


def _say(name: str) -> str:
    value = getattr(settings, name)
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, list | tuple):
        return ", ".join(_without_user(str(each)) for each in value) or "none"
    if isinstance(value, float):
        return f"{value:g}"
    return str(value)


def _without_user(text: str) -> str:
    """Return a host or origin without user and password, which come before an @."""
    return urlsplit(text).geturl() if "@" not in text else text.rpartition("@")[2]
