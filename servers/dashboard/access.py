"""Who may see and do what on the pages."""

from collections.abc import Callable, Sequence
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

from django.contrib import messages
from django.contrib.auth.mixins import PermissionRequiredMixin
from django.contrib.auth.views import redirect_to_login
from django.db.models.functions import Now
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, resolve_url
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme

from servers.errors import FleetError, NotFoundError
from servers.models import Fleet
from servers.sessions import is_recent

ENDED: Final = "Your session has ended, so nothing was done. Log in, and do it again."
ASK_AGAIN: Final = (
    "Nothing was done: your log-in is some time ago. Enter your password, and do it "
    "again."
)
# Django refuses to redirect to longer ones.
MOST_ADDRESS: Final = 2000
NOT_A_PAGE: Final = "This address takes what a button sends. Nothing was done."


class Page(PermissionRequiredMixin):
    """A page for signed-in people; ``permission_required`` names the right it needs."""

    permission_required = "servers.view_server"
    # Django's views of forms would take a PUT for a POST.
    http_method_names: Sequence[str] = ("get", "head", "post", "options")
    # The password must have been entered lately.
    needs_recent_log_in = False
    # Neither the browser nor anything on the way keeps the page: it may hold keys.
    is_kept = True
    request: HttpRequest

    def dispatch(
        self, request: HttpRequest, *args: Any, **kwargs: Any
    ) -> HttpResponseBase:
        """Serve the page; ask for the password again first, where it needs that."""
        if (
            self.needs_recent_log_in
            and self.has_permission()
            and not is_recent(request.session)
        ):
            return self._ask_again(request)
        answer: HttpResponseBase = super().dispatch(request, *args, **kwargs)
        if not self.is_kept:
            answer.headers["Cache-Control"] = "no-store"
        return answer

    def _ask_again(self, request: HttpRequest) -> HttpResponse:
        back = request.path if request.method == "GET" else find_origin(request)
        if request.method == "POST":
            messages.warning(request, ASK_AGAIN)
        return redirect(f"{reverse('confirm-password')}?{urlencode({'next': back})}")

    def handle_no_permission(self) -> Any:
        """Ask strangers to sign in, and tell people what they may not."""
        self.raise_exception = self.request.user.is_authenticated
        if self.request.method == "POST" and not self.raise_exception:
            messages.warning(self.request, ENDED)
            return redirect_to_login(find_origin(self.request))
        return super().handle_no_permission()

    def http_method_not_allowed(
        self, request: HttpRequest, *args: Any, **kwargs: Any
    ) -> HttpResponse:
        """Answer 405, and as a page."""
        answer: HttpResponse = super().http_method_not_allowed(  # type: ignore[misc]
            request, *args, **kwargs
        )
        page = {"title": "Nothing to see here", "text": NOT_A_PAGE}
        answer.content = render_to_string("error.html", page, request).encode()
        return answer

    def get_context_data(self, **context: Any) -> dict[str, Any]:
        """Add what every page shows: the fleet, and the database's time."""
        data: dict[str, Any] = super().get_context_data(  # type: ignore[misc]
            **context
        )
        # One query for both. The clock is the database's, as in ledger.database_now.
        fleet = Fleet.objects.annotate(read_at=Now()).get()
        return data | {"fleet": fleet, "now": fleet.read_at}


def carry_out(request: HttpRequest, act: Callable[[], str]) -> bool:
    """Do what a form asks for; say what ``act`` returns, or why it was refused.

    Returns whether it was done. An act that returns "" has said it itself. What is
    gone meanwhile is a 404.
    """
    try:
        said = act()
    except NotFoundError as error:
        raise Http404(error.message) from None
    except FleetError as error:
        messages.error(request, error.message)
        return False
    if said:
        messages.success(request, said)
    return True


def go_back(request: HttpRequest, otherwise: str) -> HttpResponse:
    """Redirect to the page whose form names itself in ``next``, or to another."""
    return redirect(find_next(request) or otherwise)


def find_next(request: HttpRequest) -> str:
    """Return where a form or a link comes from (``next``), if it is ours, or ""."""
    back = request.POST.get("next") or request.GET.get("next", "")
    fits = back.startswith("/") and len(back) <= MOST_ADDRESS
    if fits and url_has_allowed_host_and_scheme(back, allowed_hosts=None):
        return back
    return ""


def find_origin(request: HttpRequest) -> str:
    """Return the page on which a form was sent: a GET of its own address may be none.

    A form says it, or the browser does.
    """
    if back := find_next(request):
        return back
    referer = request.headers.get("Referer", "")
    if len(referer) <= MOST_ADDRESS and url_has_allowed_host_and_scheme(
        referer, allowed_hosts={request.get_host()}
    ):
        return urlsplit(referer)._replace(scheme="", netloc="").geturl()
    return resolve_url("overview")
