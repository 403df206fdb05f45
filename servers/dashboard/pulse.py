"""Whether anything changed since a page was sent: one query, no session, no body.

An open page asks each second while it is seen (static/js/pulse.js), with the tag that
it was sent with. The tag is keyed: who brings one that still fits has been shown a
page, and anyone else learns nothing, since every other tag has the same answer. See
decision 0029.
"""

from http import HTTPStatus
from typing import Final

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseNotModified
from django.utils.crypto import salted_hmac
from django.utils.http import parse_etags
from django.views.decorators.http import require_safe

from servers.ratelimits import Counter, find_address
from servers.stamps import read_stamps

# By address, since nobody is looked up: a hundred tabs behind one, as it is set.
askers: Final = Counter("pulses", window=60, every=1.0)
# The answer's header on a page, for the next question.
HEADER = "X-Pulse"


def make_pulse(pages: object) -> str:
    """Return the tag of all pages as they are at the stamp ``pages``."""
    parts = (settings.VERSION, settings.COMMIT, pages)
    digest = salted_hmac("servers.dashboard.pulse", repr(parts), algorithm="sha256")
    return f'"{digest.hexdigest()[:32]}"'


@require_safe
def feel_pulse(request: HttpRequest) -> HttpResponse:
    """Answer 304 if nothing has changed since the tag was given out, 204 otherwise."""
    if limit := settings.RATE_TOKEN:
        standing = askers.take(find_address(request), limit)
        if standing.refused:
            late = HttpResponse(status=HTTPStatus.TOO_MANY_REQUESTS)
            late.headers["Retry-After"] = str(standing.reset)
            return late
    stamps = read_stamps()
    known = parse_etags(request.headers.get("If-None-Match", "")[:200])
    same = stamps is not None and make_pulse(stamps.pages) in known
    answer = (
        HttpResponseNotModified()
        if same
        else HttpResponse(status=HTTPStatus.NO_CONTENT)
    )
    answer.headers["Cache-Control"] = "no-store"
    return answer


# Who asks is not looked up: see ActorMiddleware.
feel_pulse.reads_no_session = True  # type: ignore[attr-defined]
