"""The log-in, with a limit on failures: guessing a password must not pay."""

import logging
from typing import Any, Final

from django.contrib import messages
from django.contrib.auth import logout
from django.contrib.auth.mixins import LoginRequiredMixin
from django.contrib.auth.views import LoginView
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.generic import View

from servers.ratelimits import Counter, find_address
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

# Exact among all processes: log-ins are few, and may cost a round trip.
failures: Final = Counter("failed-log-ins", window=WINDOW_SECONDS, every=0.0)


class LogIn(LoginView):
    """Ask for name and password; refuse both for a while after many failures."""

    template_name = "login.html"
    redirect_authenticated_user = True

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Check them, unless too many were wrong lately."""
        counters = list_counters(
            request.POST.get("username", ""), find_address(request)
        )
        if any(failures.count(key) >= most for key, most in counters):
            logger.warning("A log-in was refused after too many failures.")
            form = self.get_form_class()(request)
            form.cleaned_data = {}
            form.add_error(None, TOO_MANY)
            answer = self.render_to_response(self.get_context_data(form=form))
            answer.status_code = 429
            answer["Retry-After"] = str(failures.reset())
            return answer
        return super().post(request, *args, **kwargs)

    def form_invalid(self, form: Any) -> HttpResponse:
        """Count the failure."""
        username = self.request.POST.get("username", "")
        for key, _ in list_counters(username, find_address(self.request)):
            failures.note(key)
        return super().form_invalid(form)


class LogOutEverywhere(LoginRequiredMixin, View):
    """End every session of the person who asks, on all machines."""

    def post(self, request: HttpRequest) -> HttpResponse:
        """End them."""
        end_sessions(request.user)
        logout(request)
        messages.success(request, "You are logged out everywhere.")
        return redirect("login")


def list_counters(username: str, address: str) -> list[tuple[str, int]]:
    """Return the keys under which failures are counted, each with its limit."""
    return [
        (f"{username.casefold()}\0{address}", MOST_BY_NAME),
        (address, MOST_BY_ADDRESS),
    ]
