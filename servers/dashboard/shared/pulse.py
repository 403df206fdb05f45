"""Tell whether anything changed since a page was sent: one query, no session or body.

A visible page asks each second (static/js/pulse.js), with the tag that it came with.
The tag is keyed: only somebody who was shown a page can send one that matches. All
other tags get the same answer, so they reveal nothing. See decision 0029.
"""

from http import HTTPStatus
from typing import Final

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseNotModified
from django.utils.crypto import salted_hmac
from django.utils.http import parse_etags
from django.views.decorators.http import require_safe

from servers.access.rate_limits import Counter, find_address
from servers.freshness.stamps import read_stamps

# Limited by address, since no session is read: a hundred tabs per address by default.
askers: Final = Counter("pulses", window=60, every=1.0)
# The response header that gives a page its tag.
HEADER = "X-Pulse"


def make_pulse(pages: object) -> str:
    """Return the tag of all pages for a value of the stamp ``pages``."""
    parts = (settings.VERSION, settings.COMMIT, pages)
    digest = salted_hmac("servers.dashboard.pulse", repr(parts), algorithm="sha256")
    return f'"{digest.hexdigest()[:32]}"'


@require_safe
def feel_pulse(request: HttpRequest) -> HttpResponse:
    """Return 304 if nothing has changed since the tag was issued, otherwise 204."""
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


# The session is not read; see ActorMiddleware.
feel_pulse.reads_no_session = True  # type: ignore[attr-defined]
