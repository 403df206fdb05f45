"""What comes before every page: a limit on requests, and a password to choose."""

import re
from collections.abc import Callable
from typing import Final

from django.conf import settings
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse

from serverfleet.web.error_pages import too_many_requests
from servers.access.rate_limits import Counter, find_address
from servers.access.sessions import MUST_CHANGE

Respond = Callable[[HttpRequest], HttpResponseBase]
# These have their own limits, or no limit at all.
_OWN_LIMITS: Final = re.compile(
    r"/(?:api/|healthz\Z|varz\Z|version\Z|metrics\Z|pulse/\Z)"
)
readers: Final = Counter("readers", window=60, every=1.0)
passers_by: Final = Counter("passers-by", window=60, every=1.0)


def limit_pages(get_response: Respond) -> Respond:
    """Limit requests for pages: per person, or per address without a log-in."""

    def serve(request: HttpRequest) -> HttpResponseBase:
        if _OWN_LIMITS.match(request.path_info):
            return get_response(request)
        if request.COOKIES and request.user.is_authenticated:
            counter, key, limit = readers, str(request.user.pk), settings.RATE_TOKEN
        else:
            address = find_address(request)
            counter, key, limit = passers_by, address, settings.RATE_ADDRESS
        if not limit:
            return get_response(request)
        standing = counter.take(key, limit)
        if not standing.refused:
            return get_response(request)
        return too_many_requests(request, standing.reset)

    return serve


def require_own_password(get_response: Respond) -> Respond:
    """Have people with a one-time password choose their own before anything else."""

    def serve(request: HttpRequest) -> HttpResponseBase:
        path = request.path_info
        if (
            not request.COOKIES
            or _OWN_LIMITS.match(path)
            or path in {reverse("own-password"), reverse("logout")}
            or not request.user.is_authenticated
            or not request.session.get(MUST_CHANGE)
        ):
            return get_response(request)
        return redirect("own-password")

    return serve
