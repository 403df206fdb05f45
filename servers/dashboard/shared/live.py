"""Pages that refresh themselves. An unchanged page costs a 304 and three queries.

The ETag stands for all that the page can show to this person at this address. To answer
a poll that sends it, only the session, user and stamp are read. The person's rights are
not, since the stamp moves with them: anyone whose tag still matches was shown this page
with the same rights. The tag is keyed, so it can't be forged.
"""

import time
from http import HTTPStatus
from typing import Any, ClassVar, Final

from django.conf import settings
from django.contrib.messages import get_messages
from django.http import HttpRequest, HttpResponse, HttpResponseNotModified
from django.http.response import HttpResponseBase
from django.utils.crypto import salted_hmac
from django.utils.http import parse_etags

from servers.dashboard.shared.access import Page
from servers.dashboard.shared.pulse import HEADER as PULSE
from servers.dashboard.shared.pulse import make_pulse
from servers.dashboard.theme import read_theme
from servers.freshness.stamps import read_stamps

# Polls send this header. They get no messages, which the open page would not show.
HEADER = "X-Live"
# No stamp moves while costs grow. Pages with costs say when they were computed.
COSTS_SECONDS: Final = 300.0


class Live(Page):
    """A page that is polled.

    ``bucket_seconds``: the page also changes with time alone (something becomes
    overdue), so its tag changes at least that often. Ages don't need it: they tick.
    ``busy_bucket_seconds``: the same, but only while the page is busy. Otherwise it
    costs only 304s. ``ticking_bucket_seconds``: the same for a page that ticks, which
    is not busy, but tells of something that no stamp moves with. ``stamps``: the stamps
    that move when the page's content changes; see servers.models.Stamp.
    """

    bucket_seconds: ClassVar[float] = 0
    busy_bucket_seconds: ClassVar[float] = 0
    ticking_bucket_seconds: ClassVar[float] = 0
    stamps: ClassVar[tuple[str, ...]] = ("pages",)

    def dispatch(
        self, request: HttpRequest, *args: Any, **kwargs: Any
    ) -> HttpResponseBase:
        """Return 304 if nothing has changed, otherwise the page with its tag."""
        self.etag = self.busy_etag = self.ticking_etag = self.pulse = ""
        if request.method not in {"GET", "HEAD"} or not request.user.is_authenticated:
            return super().dispatch(request, *args, **kwargs)
        # Read first, so that later changes are noticed by the next poll.
        moment = self.read_moment()
        if moment is not None:
            self.pulse = make_pulse(moment[0] if moment else 0)
            self.etag = make_etag(request, moment, self.bucket_seconds)
            bucket = self.busy_bucket_seconds or self.bucket_seconds
            self.busy_etag = make_etag(request, moment, bucket)
            bucket = self.ticking_bucket_seconds or self.bucket_seconds
            self.ticking_etag = make_etag(request, moment, bucket)
        # A page with a message is not the page that its tag stands for, so the browser
        # must neither reuse nor store it.
        tells = HEADER not in request.headers and len(get_messages(request)) > 0
        known = parse_etags("" if tells else request.headers.get("If-None-Match", ""))
        # The tag of an idle page matches only if it was idle and nothing has moved.
        for etag in filter(None, (self.etag, self.busy_etag, self.ticking_etag)):
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
        # Stored for the Back button, and always revalidated first.
        response.headers["Cache-Control"] = "private, no-cache"
        return response

    def read_moment(self) -> tuple[object, ...] | None:
        """Return all that the page depends on, as it is now, or None for no tag.

        The stamp ``pages`` comes first, since the pulse reports its changes. One query,
        to keep unchanged pages cheap.
        """
        found = read_stamps()
        if found is None:
            return None
        return tuple(getattr(found, name) for name in self.stamps)

    def get_context_data(self, **context: Any) -> dict[str, Any]:
        """Add what base.html and ``{% live %}`` need. The page itself sets ``busy``."""
        more = {"etag": self.etag, "pulse": self.pulse}
        return super().get_context_data(**context) | more

    def tag_as(self, *, busy: bool, ticking: bool = False) -> dict[str, Any]:
        """Return the context of a page with ``busy_bucket_seconds``."""
        if busy or ticking:
            self.etag = self.busy_etag if busy else self.ticking_etag
        return {"busy": busy, "etag": self.etag}


def make_etag(
    request: HttpRequest, moment: tuple[object, ...], bucket_seconds: float = 0
) -> str:
    """Return the tag of a page for one reader at one moment."""
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
