"""The log-in and the log-out. Guessing a password must not pay, however it is tried."""

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
from servers.ledger import Kind, write_event
from servers.ratelimits import Counter, find_address
from servers.sessions import MUST_CHANGE, end_sessions, find_one_time

logger = logging.getLogger(__name__)

WINDOW_SECONDS: Final = 900
# Of one name from one address, and of one address with any names.
MOST_BY_NAME: Final = 10
MOST_BY_ADDRESS: Final = 100
# Of one name from all addresses: high, since it shuts out the person, too.
ANYWHERE_SECONDS: Final = 3600
MOST_ANYWHERE: Final = 100
TOO_MANY: Final = (
    "Too many log-ins have failed. Wait a quarter of an hour, and try again; an admin "
    "can set a new password with `manage.py changepassword`."
)
EXPIRED: Final = "This one-time password has expired. Ask an admin for another."
STAFF_ONLY: Final = (
    "The Django admin is for staff alone. All that you may do is on the other pages."
)

# Exact among all processes: log-ins are few, and may cost a round trip.
failures: Final = Counter("failed-log-ins", window=WINDOW_SECONDS, every=0.0)
anywhere: Final = Counter("failed-names", window=ANYWHERE_SECONDS, every=0.0)


class Reservation:
    """A try at a password, counted before the password is looked at.

    Tries that come at once can't pass a limit that counts them afterwards.
    """

    def __init__(self, username: str, address: str) -> None:
        self._taken: list[tuple[Counter, str]] = []
        self.wait = 0  # seconds; 0 where it may be tried
        name = normalise_name(username)
        wanted = [(failures, *each) for each in list_counters(username, address)]
        for counter, key, most in [*wanted, (anywhere, name, MOST_ANYWHERE)]:
            self._taken.append((counter, key))
            if counter.note(key) > most:
                self.wait = counter.reset()
                self.give_back()
                logger.warning("A log-in was refused after too many failures.")
                return

    def give_back(self) -> None:
        """Count it as none: it was refused unseen, or it was right."""
        for counter, key in self._taken:
            counter.give_back(key)
        self._taken = []


class LogIn(LoginView):
    """Ask for name and password; refuse both for a while after many failures."""

    template_name = "login.html"
    redirect_authenticated_user = True

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Check them, unless too many were wrong lately."""
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
        """Begin the session; one of a one-time password leads to a new one."""
        person = form.get_user()
        one_time = find_one_time(person)
        if one_time is not None and one_time.expires_at <= timezone.now():
            form.add_error(None, EXPIRED)
            return self.form_invalid(form)
        self.reservation.give_back()
        answer = super().form_valid(form)
        with tracing.bound(actor=f"user:{person.get_username()}"):
            where = find_address(self.request)
            write_event(Kind.LOGGED_IN, reason=f"From {where}.")
        if one_time is None:
            return answer
        self.request.session[MUST_CHANGE] = True
        return redirect("own-password")

    def form_invalid(self, form: Any) -> HttpResponse:
        """Leave the failure counted, and write it down."""
        # A name that nobody has may be a password in the wrong field.
        name = normalise_name(self.request.POST.get("username", ""))
        people = get_user_model().objects.filter(username__iexact=name)
        known = people.exists() if "\0" not in name else False
        who = f"as {name}" if known else "with an unknown name"
        where = find_address(self.request)
        write_event(Kind.LOG_IN_FAILED, reason=f"A log-in {who} from {where} failed.")
        return super().form_invalid(form)


class LogOut(LogoutView):
    """End the session, and have the browser forget the pages that it kept."""

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        """Log out."""
        if request.user.is_authenticated:
            write_event(Kind.LOGGED_OUT)
        return forget_pages(super().post(request, *args, **kwargs))


class LogOutEverywhere(LoginRequiredMixin, View):
    """End every session of the person who asks, on all machines."""

    def post(self, request: HttpRequest) -> HttpResponse:
        """End them."""
        end_sessions(request.user)
        write_event(Kind.LOGGED_OUT, reason="Everywhere.")
        logout(request)
        messages.success(request, "You are logged out everywhere.")
        return forget_pages(redirect("login"))


class AdminLogIn(View):
    """Where the Django admin sends whoever it lets not in."""

    def get(self, request: HttpRequest) -> HttpResponse:
        """Lead strangers to the log-in; tell others that they are no staff."""
        if not request.user.is_authenticated:
            return redirect(f"{reverse('login')}?{request.GET.urlencode()}")
        if request.user.is_staff:
            return redirect("admin:index")
        raise PermissionDenied(STAFF_ONLY)


def list_counters(username: str, address: str) -> list[tuple[str, int]]:
    """Return the keys under which failures are counted, each with its limit."""
    return [
        (f"{normalise_name(username)}\0{address}", MOST_BY_NAME),
        (address, MOST_BY_ADDRESS),
    ]


def normalise_name(username: str) -> str:
    """Return a name as Django looks it up, and in one case."""
    return unicodedata.normalize("NFKC", username.strip()).strip().casefold()


def answer_later(answer: HttpResponse, seconds: int) -> HttpResponse:
    """Make an answer a 429."""
    answer.status_code = 429
    answer["Retry-After"] = str(seconds)
    return answer


def forget_pages(answer: HttpResponse) -> HttpResponse:
    """Have the browser drop what it kept of the pages."""
    answer["Clear-Site-Data"] = '"cache"'
    return answer
