"""Log-in and log-out, with limits that make guessing passwords useless."""

import logging
import unicodedata
from typing import Any, Final

from django.contrib import messages
from django.contrib.auth import get_user_model, logout
from django.contrib.auth.mixins import LoginRequiredMixin
from django.contrib.auth.views import LoginView, LogoutView
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.views.generic import View

from servers import tracing
from servers.access.rate_limits import Counter, find_address
from servers.access.sessions import MUST_CHANGE, end_sessions, find_one_time
from servers.records.ledger import Fact, write_event

logger = logging.getLogger(__name__)

WINDOW_SECONDS: Final = 900
# For one name from one address, and for one address with any name.
MAX_BY_NAME: Final = 10
MAX_BY_ADDRESS: Final = 100
# For one name from all addresses. High, because it locks out the person, too.
ANYWHERE_SECONDS: Final = 3600
MAX_ANYWHERE: Final = 100
TOO_MANY: Final = (
    "Too many log-ins have failed. Wait 15 minutes, then try again. An admin can set a "
    "new password with `manage.py changepassword`."
)
EXPIRED: Final = "This one-time password has expired. Ask an admin for a new one."
STAFF_ONLY: Final = (
    "The Django admin is for staff only. Everything you can do is on the other pages."
)

# Counted exactly across all processes: log-ins are rare, so a round trip is fine.
failures: Final = Counter("failed-log-ins", window=WINDOW_SECONDS, every=0.0)
anywhere: Final = Counter("failed-names", window=ANYWHERE_SECONDS, every=0.0)


class Reservation:
    """An attempt to log in, counted before the password is checked.

    If it were counted afterwards, many simultaneous attempts could pass the limit.
    """

    def __init__(self, username: str, address: str) -> None:
        self._taken: list[tuple[Counter, str]] = []
        self.wait = 0  # seconds to wait; 0 if the password can be checked
        name = normalise_name(username)
        wanted = [(failures, *each) for each in list_counters(username, address)]
        for counter, key, most in [*wanted, (anywhere, name, MAX_ANYWHERE)]:
            self._taken.append((counter, key))
            if counter.note(key) > most:
                self.wait = counter.reset()
                self.give_back()
                logger.warning("A log-in was refused after too many failures.")
                return

    def give_back(self) -> None:
        """Take back the count: the password was right, or was not checked."""
        for counter, key in self._taken:
            counter.give_back(key)
        self._taken = []


class LogIn(LoginView):
    """Ask for name and password; refuse for a while after many failures."""

    template_name = "login.html"
    redirect_authenticated_user = True

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Check them, unless there were too many failures recently."""
        self.reservation = Reservation(
            request.POST.get("username", ""), find_address(request)
        )
        if self.reservation.wait:
            form = self.get_form_class()(request)
            form.cleaned_data = {}
            form.add_error(None, TOO_MANY)
            return answer_later(
                self.render_to_response(self.get_context_data(form=form)),
                self.reservation.wait,
            )
        return super().post(request, *args, **kwargs)

    def form_valid(self, form: Any) -> HttpResponse:
        """Start the session; a one-time password must be replaced first."""
        person = form.get_user()
        one_time = find_one_time(person)
        if one_time is not None and one_time.expires_at <= timezone.now():
            form.add_error(None, EXPIRED)
            return self.form_invalid(form)
        self.reservation.give_back()
        answer = super().form_valid(form)
        with tracing.bound(actor=f"user:{person.get_username()}"):
            where = find_address(self.request)
            write_event(Fact.LOGGED_IN, reason=f"From {where}.")
        if one_time is None:
            return answer
        self.request.session[MUST_CHANGE] = True
        return redirect("own-password")

    def form_invalid(self, form: Any) -> HttpResponse:
        """Keep the failure counted, and record it."""
        # An unknown name may be a password typed into the wrong field: don't record it.
        name = normalise_name(self.request.POST.get("username", ""))
        people = get_user_model().objects.filter(username__iexact=name)
        known = people.exists() if "\0" not in name else False
        who = f"as {name}" if known else "with an unknown name"
        where = find_address(self.request)
        write_event(Fact.LOG_IN_FAILED, reason=f"A log-in {who} from {where} failed.")
        return super().form_invalid(form)


class LogOut(LogoutView):
    """End the session, and clear the browser's cache."""

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        """Log out."""
        if request.user.is_authenticated:
            write_event(Fact.LOGGED_OUT)
        return forget_pages(super().post(request, *args, **kwargs))


class LogOutEverywhere(LoginRequiredMixin, View):
    """End all sessions of the signed-in person, on all devices."""

    def post(self, request: HttpRequest) -> HttpResponse:
        """End the sessions."""
        end_sessions(request.user)
        write_event(Fact.LOGGED_OUT, reason="Everywhere.")
        logout(request)
        messages.success(request, "You are logged out everywhere.")
        return forget_pages(redirect("login"))


class AdminLogIn(View):
    """The Django admin's log-in page."""

    def get(self, request: HttpRequest) -> HttpResponse:
        """Send strangers to the log-in; answer 403 to people who are not staff."""
        if not request.user.is_authenticated:
            return redirect(f"{reverse('login')}?{request.GET.urlencode()}")
        if request.user.is_staff:
            return redirect("admin:index")
        raise PermissionDenied(STAFF_ONLY)


def list_counters(username: str, address: str) -> list[tuple[str, int]]:
    """Return the keys that count failures, each with its limit."""
    return [
        (f"{normalise_name(username)}\0{address}", MAX_BY_NAME),
        (address, MAX_BY_ADDRESS),
    ]


def normalise_name(username: str) -> str:
    """Return a name as Django looks it up, in lower case."""
    return unicodedata.normalize("NFKC", username.strip()).strip().casefold()


def answer_later(answer: HttpResponse, seconds: int) -> HttpResponse:
    """Turn a response into a 429."""
    answer.status_code = 429
    answer["Retry-After"] = str(seconds)
    return answer


def forget_pages(answer: HttpResponse) -> HttpResponse:
    """Tell the browser to clear its cache."""
    answer["Clear-Site-Data"] = '"cache"'
    return answer
