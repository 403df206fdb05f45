"""Rate limits of the API: per token or person, otherwise per address.

A request with a valid token counts for that token only, wherever it comes from. So a
stranger behind the same proxy can't lock others out.
"""

from typing import Any, ClassVar, Final

from django.conf import settings
from rest_framework.exceptions import APIException, AuthenticationFailed
from rest_framework.request import Request
from rest_framework.views import APIView

from servers.access.rate_limits import Counter, Standing, find_address
from servers.access.tokens import Caller

WINDOW_SECONDS: Final = 60
EXCHANGE_SECONDS: Final = 1.0
# 1 in this many of an address's requests may be refused for its token.
REFUSALS_SHARE: Final = 10

callers: Final = Counter("callers", window=WINDOW_SECONDS, every=EXCHANGE_SECONDS)
strangers: Final = Counter("strangers", window=WINDOW_SECONDS, every=EXCHANGE_SECONDS)
refusals: Final = Counter("refusals", window=WINDOW_SECONDS, every=EXCHANGE_SECONDS)


def limit_refusals() -> int:
    """Return how many requests of an address may be refused; 0 is no limit."""
    limit: int = settings.RATE_ADDRESS
    return max(1, limit // REFUSALS_SHARE) if limit else 0


class TooManyError(APIException):
    """429. ``wait`` in seconds becomes Retry-After."""

    status_code = 429

    def __init__(self, standing: Standing) -> None:
        self.wait = standing.reset
        super().__init__(
            f"Too many requests: the limit is {standing.limit} per minute. Try again "
            f"in {standing.reset} s."
        )


class RateLimitedView(APIView):
    """A view that counts each caller's requests, and reports what is left."""

    is_limited: ClassVar[bool] = True
    is_open: ClassVar[bool] = False  # to callers without a valid token
    standing: Standing | None = None
    # Set once. After a failure, request.user would ask the database again.
    identified: Any = None

    def perform_authentication(self, request: Request) -> None:
        """Identify the caller. Raise TooManyError above the limit."""
        if not self.is_limited:
            super().perform_authentication(request)
            self.identified = request.user
            return
        try:
            caller = self.identified = request.user
        except AuthenticationFailed:
            self._take_of_stranger(request, refusals)
            if self.is_open:
                return
            raise
        if isinstance(caller, Caller):
            self._take(callers, caller.name, settings.RATE_TOKEN)
        else:
            self._take_of_stranger(request, strangers if self.is_open else refusals)

    def finalize_response(
        self, request: Request, response: Any, *args: Any, **kwargs: Any
    ) -> Any:
        """Add the headers that say how many requests are left."""
        response = super().finalize_response(request, response, *args, **kwargs)
        standing = self.standing
        if standing is not None:
            headers = response.headers
            headers["RateLimit-Limit"] = str(standing.limit)
            headers["RateLimit-Remaining"] = str(standing.remaining)
            headers["RateLimit-Reset"] = str(standing.reset)
        return response

    def _take_of_stranger(self, request: Request, counter: Counter) -> None:
        limit = settings.RATE_ADDRESS
        if counter is refusals:
            limit = limit_refusals()
        self._take(counter, find_address(request), limit)

    def _take(self, counter: Counter, key: str, limit: int) -> None:
        if not limit:
            return
        self.standing = counter.take(key, limit)
        if self.standing.refused:
            raise TooManyError(self.standing) from None
