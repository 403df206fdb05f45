"""Pages that refresh themselves: an unchanged one costs a 304 and three queries.

The ETag stands for all that the page can show to this person at this address. A poll
that brings it back is answered by session, user and stamp alone; the rights themselves
are not read, since the stamp moves with them: who holds a tag that still fits was shown
this page under these very rights. The tag can't be made up, it is keyed.
"""

import time
from http import HTTPStatus
from typing import Any, ClassVar

from django.conf import settings
from django.contrib.messages import get_messages
from django.http import HttpRequest, HttpResponse, HttpResponseNotModified
from django.http.response import HttpResponseBase
from django.utils.crypto import salted_hmac
from django.utils.http import parse_etags

from servers.dashboard.access import Page
from servers.dashboard.pulse import HEADER as PULSE
from servers.dashboard.pulse import make_pulse
from servers.dashboard.theme import read_theme
from servers.stamps import read_stamps

# A poll brings it: then no message is shown, since the page in sight would lose it.
HEADER = "X-Live"


class Live(Page):
    """A page that is polled.

    ``bucket_seconds``: what the page shows also changes with time alone (something gets
    overdue), so its tag changes at least that often. Ages need none: they tick.
    ``busy_bucket_seconds``: the same, but only while the page says that it is busy: at
    rest it costs 304s. ``stamps``: those that move with what it shows; see
    servers.models.Stamp.
    """

    bucket_seconds: ClassVar[float] = 0
    busy_bucket_seconds: ClassVar[float] = 0
    stamps: ClassVar[tuple[str, ...]] = ("pages",)

    def dispatch(
        self, request: HttpRequest, *args: Any, **kwargs: Any
    ) -> HttpResponseBase:
        """Answer 304 where nothing has changed, or with the page and its tag."""
        self.etag = self.busy_etag = self.pulse = ""
        if request.method not in {"GET", "HEAD"} or not request.user.is_authenticated:
            return super().dispatch(request, *args, **kwargs)
        # Before anything else is read: what changes meanwhile is seen the next time.
        moment = self.read_moment()
        if moment is not None:
            self.pulse = make_pulse(moment[0] if moment else 0)
            self.etag = make_etag(request, moment, self.bucket_seconds)
            bucket = self.busy_bucket_seconds or self.bucket_seconds
            self.busy_etag = make_etag(request, moment, bucket)
        # With a message, the page is another than its tag stands for: it is neither
        # answered from the browser's cache nor kept there.
        tells = HEADER not in request.headers and len(get_messages(request)) > 0
        known = parse_etags("" if tells else request.headers.get("If-None-Match", ""))
        # Who holds the tag of a page at rest saw it at rest, and nothing has moved.
        for etag in filter(None, (self.etag, self.busy_etag)):
            if etag in known:
                return self._mark(HttpResponseNotModified(), etag)
        response = super().dispatch(request, *args, **kwargs)
        if tells:
            response.headers["Cache-Control"] = "no-store"
        if tells or not self.etag or response.status_code != HTTPStatus.OK:
            return response
        return self._mark(response, self.etag)

    def _mark(
        self, response: HttpResponse | HttpResponseBase, etag: str
    ) -> HttpResponseBase:
        response.headers["ETag"] = etag
        response.headers[PULSE] = self.pulse
        # Kept for the way back, and always asked about first.
        response.headers["Cache-Control"] = "private, no-cache"
        return response

    def read_moment(self) -> tuple[object, ...] | None:
        """Return all that the page depends on, as it is now; None for no tag.

        The stamp ``pages`` comes first: what moves it is told to the page at once. One
        query, since an unchanged page may cost no more.
        """
        found = read_stamps()
        if found is None:
            return None
        return tuple(getattr(found, name) for name in self.stamps)

    def get_context_data(self, **context: Any) -> dict[str, Any]:
        """Add what base.html and ``{% live %}`` need; ``busy`` is the page's to say."""
        more = {"etag": self.etag, "pulse": self.pulse}
        return super().get_context_data(**context) | more

    def tag_as(self, *, busy: bool) -> dict[str, Any]:
        """Return the context of a page with ``busy_bucket_seconds``."""
        if busy:
            self.etag = self.busy_etag
        return {"busy": busy, "etag": self.etag}


def make_etag(
    request: HttpRequest, moment: tuple[object, ...], bucket_seconds: float = 0
) -> str:
    """Return the tag of a page for its reader, as it is at a moment."""
    bucket = int(time.time() // bucket_seconds) if bucket_seconds else 0
    parts = (
        settings.VERSION,
        settings.COMMIT,
        request.user.pk,
        request.get_full_path(),
        read_theme(request),
        moment,
        bucket,
    )
    digest = salted_hmac("servers.dashboard.live", repr(parts), algorithm="sha256")
    return f'W/"{digest.hexdigest()[:32]}"'
