"""``/api/schema`` and ``/api/docs``. Neither is secret, so neither needs a token."""

from csp.constants import SELF
from csp.decorators import csp_update
from django.http import HttpResponse
from django.shortcuts import render
from django.utils.decorators import method_decorator
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from servers.api.schema.describe import describe
from servers.api.schema.generate import encode_schema
from servers.api.shared.views import ScopedView


class SchemaView(ScopedView):
    """The API's description."""

    is_open = True
    read_scope = write_scope = None

    @describe(
        "getSchema",
        {"type": "object", "required": ["openapi", "info", "paths"]},
        example={"openapi": "3.1.0", "info": {}, "paths": {}},
    )
    def get(self, request: Request) -> Response:
        """Return the OpenAPI 3.1 description of the API."""
        return Response(encode_schema())


class Docs(ScopedView):
    """The description for people: Swagger UI, served from our own files."""

    is_open = True
    read_scope = write_scope = None

    @extend_schema(exclude=True)  # a page, not an operation
    # Swagger UI's style sheet has its icons as data: images. They can't run scripts,
    # and no other page allows them.
    @method_decorator(csp_update({"img-src": [SELF, "data:"]}))
    def get(self, request: Request) -> HttpResponse:
        """Show the description as a page where you can try calls."""
        # Django's own request: the page contains the CSRF token of a signed-in person.
        return render(request._request, "docs.html")  # noqa: SLF001
