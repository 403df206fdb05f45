"""ETags, 304s, and answers that are bytes already."""

import hashlib
from typing import Final

from django.conf import settings
from django.http import HttpResponse
from django.utils.http import parse_etags
from rest_framework.request import Request

_JSON: Final = "application/json; charset=utf-8"
# Another release may render the same rows otherwise.
_RELEASE: Final = hashlib.sha256(
    f"{settings.VERSION} {settings.COMMIT}".encode()
).hexdigest()[:6]


def make_etag(*parts: object) -> str:
    """Return a strong ETag of all that an answer depends on."""
    return f'"{_RELEASE}-{"-".join(map(str, parts))}"'


def digest_query(request: Request) -> str:
    """Return the request's parameters as they may stand in an ETag."""
    query = request.META.get("QUERY_STRING", "")
    return hashlib.sha256(query.encode()).hexdigest()[:16]


def is_known(request: Request, etag: str) -> bool:
    """Tell whether the client has what ``etag`` stands for: RFC 9110, 13.1.2."""
    given = request.META.get("HTTP_IF_NONE_MATCH")
    if given is None:
        return False
    if given == etag:
        return True
    known = {each.removeprefix("W/") for each in parse_etags(given)}
    return etag in known or "*" in known


def answer_bytes(*pieces: bytes, etag: str | None) -> HttpResponse:
    """Return 200 with JSON that is encoded already; the pieces are sent as they are."""
    response = HttpResponse(content_type=_JSON)
    # What the setter would do, but for joining them.
    response._container = list(pieces)  # type: ignore[attr-defined]  # noqa: SLF001
    response.headers["Content-Length"] = str(sum(map(len, pieces)))
    return _tag(response, etag)


def answer_known(etag: str) -> HttpResponse:
    """Return 304: the client has it."""
    response = HttpResponse(status=304)
    del response["Content-Type"]
    return _tag(response, etag)


def _tag(response: HttpResponse, etag: str | None) -> HttpResponse:
    if etag is not None:
        response["ETag"] = etag
        # To be asked again each time, and kept by nobody in between.
        response["Cache-Control"] = "private, no-cache"
        response["Vary"] = "Authorization, Cookie"
    return response
