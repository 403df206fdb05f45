"""Who can see and do what on the pages."""

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

from servers.access.sessions import is_recent
from servers.errors import FleetError, NotFoundError
from servers.models import Fleet

ENDED: Final = "Your session has ended, so nothing was done. Log in and try again."
ASK_AGAIN: Final = (
    "Nothing was done, because you logged in some time ago. Enter your password and "
    "try again."
)
# Django refuses to redirect to longer addresses.
MAX_ADDRESS: Final = 2000
NOT_A_PAGE: Final = "This address only accepts submitted forms. Nothing was done."


class Page(PermissionRequiredMixin):
    """A page for signed-in people who have ``permission_required``."""

    permission_required = "servers.view_server"
    # Django's form views would treat a PUT as a POST.
    http_method_names: Sequence[str] = ("get", "head", "post", "options")
    # Whether the password must have been entered recently.
    needs_recent_log_in = False
    # False if neither browser nor proxies may store the page: it may contain keys.
    is_kept = True
    request: HttpRequest

    def dispatch(
        self, request: HttpRequest, *args: Any, **kwargs: Any
    ) -> HttpResponseBase:
        """Serve the page, after asking for the password again if it needs that.

        If what the address or a form names does not exist, the page is a 404.
        """
        if (
            self.needs_recent_log_in
            and self.has_permission()
            and not is_recent(request.session)
        ):
            return self._ask_again(request)
        try:
            answer: HttpResponseBase = super().dispatch(request, *args, **kwargs)
        except NotFoundError as error:
            raise Http404(error.message) from None
        if not self.is_kept:
            answer.headers["Cache-Control"] = "no-store"
        return answer

    def _ask_again(self, request: HttpRequest) -> HttpResponse:
        back = request.path if request.method == "GET" else find_origin(request)
        if request.method == "POST":
            messages.warning(request, ASK_AGAIN)
        return redirect(f"{reverse('confirm-password')}?{urlencode({'next': back})}")

    def handle_no_permission(self) -> Any:
        """Ask strangers to sign in, and refuse people without the right."""
        self.raise_exception = self.request.user.is_authenticated
        if self.request.method == "POST" and not self.raise_exception:
            messages.warning(self.request, ENDED)
            return redirect_to_login(find_origin(self.request))
        return super().handle_no_permission()

    def http_method_not_allowed(
        self, request: HttpRequest, *args: Any, **kwargs: Any
    ) -> HttpResponse:
        """Return 405 as a page."""
        answer: HttpResponse = super().http_method_not_allowed(  # type: ignore[misc]
            request, *args, **kwargs
        )
        page = {"title": "Not a page", "text": NOT_A_PAGE}
        answer.content = render_to_string("error.html", page, request).encode()
        return answer

    def get_context_data(self, **context: Any) -> dict[str, Any]:
        """Add what every page shows: the fleet, and the database's time."""
        data: dict[str, Any] = super().get_context_data(  # type: ignore[misc]
            **context
        )
        # One query for both. The time is the database's, as in ledger.database_now.
        fleet = Fleet.objects.annotate(read_at=Now()).get()
        return data | {"fleet": fleet, "now": fleet.read_at}


def carry_out(request: HttpRequest, act: Callable[[], str]) -> bool:
    """Call ``act``, and show the message that it returns, or why it was refused.

    Return whether it was done. An act that returns "" has shown its own message.
    Raise NotFoundError if what it acts on no longer exists.
    """
    try:
        said = act()
    except NotFoundError:
        raise
    except FleetError as error:
        messages.error(request, error.message)
        return False
    if said:
        messages.success(request, said)
    return True


def go_back(request: HttpRequest, otherwise: str) -> HttpResponse:
    """Redirect to the page that the form names in ``next``, or to ``otherwise``."""
    return redirect(find_next(request) or otherwise)


def find_next(request: HttpRequest) -> str:
    """Return the page that a form or link comes from (``next``), or "" if not ours."""
    back = request.POST.get("next") or request.GET.get("next", "")
    fits = back.startswith("/") and len(back) <= MAX_ADDRESS
    if fits and url_has_allowed_host_and_scheme(back, allowed_hosts=None):
        return back
    return ""


def find_origin(request: HttpRequest) -> str:
    """Return the page that a form was sent from, as form or browser say.

    The form's own address may not accept a GET.
    """
    if back := find_next(request):
        return back
    referer = request.headers.get("Referer", "")
    if len(referer) <= MAX_ADDRESS and url_has_allowed_host_and_scheme(
        referer, allowed_hosts={request.get_host()}
    ):
        return urlsplit(referer)._replace(scheme="", netloc="").geturl()
    return resolve_url("overview")
