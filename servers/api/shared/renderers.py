"""Render JSON with a final newline, whatever the client accepts."""

from collections.abc import Mapping
from typing import Any

import orjson
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request


class ORJSONRenderer(BaseRenderer):
    """Renders with orjson. Bytes are passed through."""

    media_type = "application/json"
    format = "json"
    charset = "utf-8"

    def render(
        self,
        data: Any,
        accepted_media_type: str | None = None,
        renderer_context: Mapping[str, Any] | None = None,
    ) -> bytes:
        """Return the encoded response, or nothing for a response without content."""
        if isinstance(data, bytes):
            return data
        if data is None:
            return b""
        return orjson.dumps(data, option=orjson.OPT_APPEND_NEWLINE)


class AlwaysJSON(BaseContentNegotiation):
    """Ignores Accept: clients of the Drone Autoscaler's API don't send it."""

    def select_parser(self, request: Request, parsers: Any) -> Any:
        """Return the only parser."""
        return parsers[0]

    def select_renderer(
        self, request: Request, renderers: Any, format_suffix: str | None = None
    ) -> Any:
        """Return the only renderer."""
        return renderers[0], renderers[0].media_type
