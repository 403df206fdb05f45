"""Middleware for pages that costs little for the API, which is called far more often.

Each class does what the original does, but does not repeat work with a constant result.
"""

import re
from collections.abc import Callable
from typing import Final

from csp.constants import HEADER
from csp.middleware import CSPMiddleware
from django.conf import settings
from django.contrib.messages.middleware import MessageMiddleware
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse

from serverfleet.web.errorpages import too_many_requests
from servers.access.ratelimits import Counter, find_address
from servers.access.sessions import MUST_CHANGE

Respond = Callable[[HttpRequest], HttpResponseBase]
_API: Final = "/api/"
# These have their own limits, or no limit at all.
_OWN_LIMITS: Final = re.compile(
    r"/(?:api/|healthz\Z|varz\Z|version\Z|metrics\Z|pulse/\Z)"
)
readers: Final = Counter("readers", window=60, every=1.0)
passers_by: Final = Counter("passers-by", window=60, every=1.0)
# What django-csp's decorators set on an answer with its own policy.
_OWN: Final = frozenset(
    {"_csp_exempt", "_csp_config", "_csp_update", "_csp_replace"}
    | {"_csp_exempt_ro", "_csp_config_ro", "_csp_update_ro", "_csp_replace_ro"}
)


class PolicyMiddleware(CSPMiddleware):
    """The Content-Security-Policy, built once, since no answer has a nonce."""

    _policy = ""

    def process_request(self, request: HttpRequest) -> None:
        """Offer no nonce: nothing inline is allowed."""

    def process_response(
        self, request: HttpRequest, response: HttpResponseBase
    ) -> HttpResponseBase:
        """Set the header on every answer."""
        if not _OWN.isdisjoint(vars(response)):
            answer: HttpResponseBase = super().process_response(request, response)
            return answer
        if self._policy:
            response.headers.setdefault(HEADER, self._policy)
            return response
        answer = super().process_response(request, response)
        self._policy = answer.headers.get(HEADER, "")
        return answer


class PageLimitMiddleware:
    """Limit requests for pages: per person, or per address without a log-in."""

    def __init__(self, get_response: Respond) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Serve the page, or answer 429."""
        if _OWN_LIMITS.match(request.path_info):
            return self.get_response(request)
        if request.COOKIES and request.user.is_authenticated:
            counter, key, limit = readers, str(request.user.pk), settings.RATE_TOKEN
        else:
            counter, key, limit = (
                passers_by,
                find_address(request),
                settings.RATE_ADDRESS,
            )
        if not limit:
            return self.get_response(request)
        standing = counter.take(key, limit)
        if not standing.refused:
            return self.get_response(request)
        return too_many_requests(request, standing.reset)


class PasswordMiddleware:
    """Have people with a one-time password choose their own before anything else."""

    def __init__(self, get_response: Respond) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Serve the page, or redirect to the one that sets the password."""
        path = request.path_info
        if (
            not request.COOKIES
            or _OWN_LIMITS.match(path)
            or path in {reverse("own-password"), reverse("logout")}
            or not request.user.is_authenticated
            or not request.session.get(MUST_CHANGE)
        ):
            return self.get_response(request)
        return redirect("own-password")


class PageMessageMiddleware(MessageMiddleware):
    """Messages for people. The API has none."""

    def process_request(self, request: HttpRequest) -> None:
        """Open the message store, for pages only."""
        if not request.path_info.startswith(_API):
            super().process_request(request)
