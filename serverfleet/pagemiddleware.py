"""Middleware of pages, made cheap for the API, which is asked far more often.

Each does what the original does; only what never differs is not done again.
"""

from typing import Final

from csp.constants import HEADER
from csp.middleware import CSPMiddleware
from django.contrib.messages.middleware import MessageMiddleware
from django.http import HttpRequest, HttpResponseBase

_API: Final = "/api/"
# What django-csp's decorators leave on an answer whose policy is its own.
_OWN: Final = frozenset(
    {"_csp_exempt", "_csp_config", "_csp_update", "_csp_replace"}
    | {"_csp_exempt_ro", "_csp_config_ro", "_csp_update_ro", "_csp_replace_ro"}
)


class PolicyMiddleware(CSPMiddleware):
    """The Content-Security-Policy, put together once: no answer has a nonce."""

    _policy = ""

    def process_request(self, request: HttpRequest) -> None:
        """Offer no nonce: nothing inline is allowed."""

    def process_response(
        self, request: HttpRequest, response: HttpResponseBase
    ) -> HttpResponseBase:
        """Put the header on every answer."""
        if not _OWN.isdisjoint(vars(response)):
            answer: HttpResponseBase = super().process_response(request, response)
            return answer
        if self._policy:
            response.headers.setdefault(HEADER, self._policy)
            return response
        answer = super().process_response(request, response)
        self._policy = answer.headers.get(HEADER, "")
        return answer


class PageMessageMiddleware(MessageMiddleware):
    """Messages to people; the API has none."""

    def process_request(self, request: HttpRequest) -> None:
        """Open the store, for a page."""
        if not request.path_info.startswith(_API):
            super().process_request(request)
