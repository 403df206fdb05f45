"""The log-in, with a limit on failures: guessing a password must not pay."""

import hashlib
import logging
from typing import Any, Final

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import logout
from django.contrib.auth.mixins import LoginRequiredMixin
from django.contrib.auth.views import LoginView
from django.core.cache import BaseCache, cache
from django.core.cache.backends.locmem import LocMemCache
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.generic import View
from redis.exceptions import RedisError

from servers.sessions import end_sessions

logger = logging.getLogger(__name__)

WINDOW_SECONDS: Final = 900
# Of one name from one address, and of one address with any names.
MOST_BY_NAME: Final = 10
MOST_BY_ADDRESS: Final = 100
TOO_MANY: Final = (
    "Too many log-ins have failed. Wait a quarter of an hour, and try again; an admin "
    "can set a new password with `manage.py changepassword`."
)

# While the shared cache is down each process counts for itself.
_own: Final = LocMemCache("failed-log-ins", {})


class LogIn(LoginView):
    """Ask for name and password; refuse both for a while after many failures."""

    template_name = "login.html"
    redirect_authenticated_user = True

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Check them, unless too many were wrong lately."""
        counters = list_counters(
            request.POST.get("username", ""), find_address(request)
        )
        if any(count_failures(key) >= most for key, most in counters):
            logger.warning("A log-in was refused after too many failures.")
            form = self.get_form_class()(request)
            form.cleaned_data = {}
            form.add_error(None, TOO_MANY)
            answer = self.render_to_response(self.get_context_data(form=form))
            answer.status_code = 429
            answer["Retry-After"] = str(WINDOW_SECONDS)
            return answer
        return super().post(request, *args, **kwargs)

    def form_invalid(self, form: Any) -> HttpResponse:
        """Count the failure."""
        username = self.request.POST.get("username", "")
        for key, _ in list_counters(username, find_address(self.request)):
            note_failure(key)
        return super().form_invalid(form)


class LogOutEverywhere(LoginRequiredMixin, View):
    """End every session of the person who asks, on all machines."""

    def post(self, request: HttpRequest) -> HttpResponse:
        """End them."""
        end_sessions(request.user)
        logout(request)
        messages.success(request, "You are logged out everywhere.")
        return redirect("login")


def find_address(request: HttpRequest) -> str:
    """Return where a request comes from; behind a trusted proxy, what that saw."""
    if settings.SECURE_PROXY_SSL_HEADER:
        seen = request.headers.get("X-Forwarded-For", "").rpartition(",")[2].strip()
        if seen:
            return seen[:100]
    return str(request.META.get("REMOTE_ADDR", ""))


def list_counters(username: str, address: str) -> list[tuple[str, int]]:
    """Return the keys under which failures are counted, each with its limit."""
    return [
        (_key(username.casefold(), address), MOST_BY_NAME),
        (_key(address), MOST_BY_ADDRESS),
    ]


def count_failures(key: str) -> int:
    """Return the failures of the last quarter of an hour under a key."""
    try:
        return int(cache.get(key, 0))
    except (RedisError, OSError):
        return int(_own.get(key, 0))


def note_failure(key: str) -> None:
    """Count one more."""
    try:
        _increase(cache, key)
    except (RedisError, OSError):
        _increase(_own, key)


def _increase(store: BaseCache, key: str) -> None:
    store.add(key, 0, WINDOW_SECONDS)
    try:
        store.incr(key)
    except ValueError:  # it ran out in between
        store.set(key, 1, WINDOW_SECONDS)


def _key(*parts: str) -> str:
    # Hashed: a name may be anything, and may be a password typed into the wrong field.
    digest = hashlib.sha256("\0".join(parts).encode()).hexdigest()
    return f"failed-log-ins:{digest}"
