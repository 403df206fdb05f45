"""``/api/hooks/{queue}``: what CI systems send when a job is queued.

No session and no API token works here, only a signature of the queue's own secret.
Whoever is refused learns nothing: an unknown queue, one without a hook and a wrong
signature get the same answer, and a body that is too large is refused before anything
is looked at.
"""

from typing import ClassVar, Final

from rest_framework.exceptions import APIException
from rest_framework.request import Request
from rest_framework.response import Response

from servers import tracing
from servers.access.rate_limits import Counter
from servers.api.shared.limits import (
    EXCHANGE_SECONDS,
    WINDOW_SECONDS,
    RateLimitedView,
    refusals,
)
from servers.operations.hooks import (
    REFUSED,
    RefusedHookError,
    check_delivery,
    take_delivery,
)
from servers.queues.hooks import Delivery
from servers.records.ledger import database_now

MAX_BODY_BYTES: Final = 512 * 1024
# Deliveries of one queue in a minute that are looked at. CI systems disable hooks that
# are refused, so more of them are taken without an effect.
MAX_DELIVERIES: Final = 300

deliveries: Final = Counter("hooks", window=WINDOW_SECONDS, every=EXCHANGE_SECONDS)


class RefusedDeliveryError(APIException):
    """401, always with the same sentence."""

    status_code = 401
    default_detail = REFUSED
    auth_header = "Signature"


class TooLargeDeliveryError(APIException):
    """413, whoever sent it."""

    status_code = 413
    default_detail = (
        f"The hook is too large. Send at most {MAX_BODY_BYTES // 1024} KiB."
    )


class HookView(RateLimitedView):
    """Takes the hooks of all queues."""

    authentication_classes = ()
    permission_classes = ()
    schema = None  # for CI systems, not for clients: docs/pools.md
    is_limited: ClassVar[bool] = False  # before the sender is known

    def post(self, request: Request, name: str) -> Response:
        """Have a queue read soon."""
        delivery = self._read(request)
        try:
            hook, digest = check_delivery(name, delivery)
        except RefusedHookError:
            self._take_of_stranger(request, refusals)
            raise RefusedDeliveryError from None
        if not deliveries.take(str(hook.pk), MAX_DELIVERIES).refused:
            tracing.set_actor(f"queue:{hook.queue.name}")
            take_delivery(hook, digest)
        return Response(status=204)

    def _read(self, request: Request) -> Delivery:
        length = int(request.META.get("CONTENT_LENGTH") or 0)
        body = b""
        if length <= MAX_BODY_BYTES:
            body = request._request.read(MAX_BODY_BYTES + 1)  # noqa: SLF001 - as sent
        if length > MAX_BODY_BYTES or len(body) > MAX_BODY_BYTES:
            self._take_of_stranger(request, refusals)
            raise TooLargeDeliveryError
        headers = {name.lower(): value for name, value in request.headers.items()}
        return Delivery(headers, body, database_now().timestamp())
