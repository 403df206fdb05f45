"""``/api/schema`` and ``/api/docs``. Neither is a secret, so neither needs a token."""

from csp.constants import SELF
from csp.decorators import csp_update
from django.http import HttpResponse
from django.shortcuts import render
from django.utils.decorators import method_decorator
from rest_framework.request import Request
from rest_framework.response import Response

from servers.api.schema.generate import encode_schema
from servers.api.views import ScopedView


class SchemaView(ScopedView):
    """The API's description."""

    is_open = True
    read_scope = write_scope = None

    def get(self, request: Request) -> Response:
        """Describe the API, as OpenAPI 3.1."""
        return Response(encode_schema())


class Docs(ScopedView):
    """The description, for people: Swagger UI from our own files."""

    is_open = True
    read_scope = write_scope = None

    # Swagger UI's style sheet holds its icons as data: images. They can run nothing,
    # and no other page gets them.
    @method_decorator(csp_update({"img-src": [SELF, "data:"]}))
    def get(self, request: Request) -> HttpResponse:
        """Show the description as a page, in which calls can be tried."""
        # Django's own request: the page holds the CSRF token for those signed in.
        return render(request._request, "docs.html")  # noqa: SLF001
