"""Check the host name and scheme of a request before anything else."""

from typing import Final

from django.conf import settings
from django.core.exceptions import DisallowedHost
from django.http import HttpRequest, HttpResponse

from serverfleet.web.error_pages import Respond, answer_error, is_for_client
from serverfleet.web.middleware import REFUSED_HOST

# Probes use a machine's or a pod's address and plain HTTP, and can't change either.
# Nothing in these answers depends on them.
PROBED: Final = frozenset({"/healthz", "/varz", "/version", "/metrics"})
WRONG_HOST: Final = (
    "ServerFleet does not answer under this host name. Use one of its names, or add "
    "this one to SERVERFLEET_ALLOWED_HOSTS and restart ServerFleet."
)
USE_HTTPS: Final = "Plain HTTP is off. Use https:// for this address. Nothing was done."
SENT_OPENLY: Final = (
    " The token was sent without encryption. Revoke it and create a new one."
)


def guard_entrance(get_response: Respond) -> Respond:
    """Refuse wrong host names, and API calls and form posts over plain HTTP.

    Django's SecurityMiddleware, which runs later, would redirect everything that is not
    HTTPS. A client would repeat a redirected POST as a GET, and mistake a list for what
    it created. A client that is redirected each time would never notice that it sends
    its token unencrypted. So only reads of pages get as far as the redirect.
    """

    def serve(request: HttpRequest) -> HttpResponse:
        is_probed = request.path_info in PROBED
        try:
            request.get_host()
        except DisallowedHost:
            if not is_probed:
                given = request.META.get("HTTP_HOST", "")
                request.META[REFUSED_HOST] = given[:100]  # for the request's log line
                return _refuse(request, 400, "Unknown host name", WRONG_HOST)
            # Django checks the host again later.
            request.META["HTTP_HOST"] = _find_own_name()
        if settings.SECURE_SSL_REDIRECT and not request.is_secure() and not is_probed:
            reads = request.method in {"GET", "HEAD"}
            if not reads or is_for_client(request):
                sent = SENT_OPENLY if "Authorization" in request.headers else ""
                return _refuse(request, 403, "Use HTTPS", USE_HTTPS + sent)
        return get_response(request)

    return serve


def _refuse(request: HttpRequest, status: int, title: str, text: str) -> HttpResponse:
    answer = answer_error(request, status, title, text)
    # The middleware that usually adds these runs later.
    answer["Content-Length"] = str(len(answer.content))
    answer["X-Content-Type-Options"] = "nosniff"
    return answer


def _find_own_name() -> str:
    names = (name.lstrip(".") for name in settings.ALLOWED_HOSTS if name != "*")
    return next(names, "localhost")
