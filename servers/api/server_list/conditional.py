"""ETags, 304 responses, and responses that are already encoded."""

import hashlib
from typing import Final

from django.conf import settings
from django.http import HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.utils.http import parse_etags
from rest_framework.request import Request

_JSON: Final = "application/json; charset=utf-8"
# Another release may render the same rows differently.
_RELEASE: Final = hashlib.sha256(
    f"{settings.VERSION} {settings.COMMIT}".encode()
).hexdigest()[:6]


def make_etag(*parts: object) -> str:
    """Return a strong ETag of everything that a response depends on."""
    return f'"{_RELEASE}-{"-".join(map(str, parts))}"'


def digest_query(request: Request) -> str:
    """Return the request's parameters in a form that fits in an ETag."""
    query = request.META.get("QUERY_STRING", "")
    return hashlib.sha256(query.encode()).hexdigest()[:16]


def is_known(request: Request, etag: str) -> bool:
    """Tell whether the client already has this version (RFC 9110, 13.1.2)."""
    given = request.META.get("HTTP_IF_NONE_MATCH")
    if given is None:
        return False
    if given == etag:
        return True
    known = {each.removeprefix("W/") for each in parse_etags(given)}
    return etag in known or "*" in known


def answer_bytes(*pieces: bytes, etag: str | None) -> HttpResponseBase:
    """Return 200 with encoded JSON. The pieces are sent as they are."""
    if len(pieces) == 1:
        return _tag(HttpResponse(pieces[0], content_type=_JSON), etag)
    # HttpResponse would join them: up to 40 MB for each reader.
    response = StreamingHttpResponse(pieces, content_type=_JSON)
    response.headers["Content-Length"] = str(sum(map(len, pieces)))
    return _tag(response, etag)


def answer_known(etag: str) -> HttpResponseBase:
    """Return 304: the client already has it."""
    response = HttpResponse(status=304)
    del response["Content-Type"]
    return _tag(response, etag)


def _tag(response: HttpResponseBase, etag: str | None) -> HttpResponseBase:
    if etag is not None:
        response["ETag"] = etag
        # Clients revalidate each time, and shared caches store nothing.
        response["Cache-Control"] = "private, no-cache"
        response["Vary"] = "Authorization, Cookie"
    return response
