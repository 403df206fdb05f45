"""Parse JSON bodies: a bounded object or nothing, and an error for all else."""

import json
import re
from typing import Any, ClassVar, Final

import orjson
from rest_framework.exceptions import APIException, ParseError, UnsupportedMediaType
from rest_framework.parsers import BaseParser

MAX_BODY_BYTES: Final = 256 * 1024
MAX_DEPTH: Final = 20
_JSON: Final = {"", "application/json", "text/json", "text/plain"}
# `curl -d '{}'` sends it as a form.
_EMPTY: Final = re.compile(rb"\s*\{\s*\}\s*")


class TooLargeError(APIException):
    """413."""

    status_code = 413
    default_detail = (
        f"The body is too large. Send at most {MAX_BODY_BYTES // 1024} KiB."
    )


class ORJSONParser(BaseParser):
    """Parses a JSON object. No body is an empty object, whatever its Content-Type."""

    media_type = "application/json"
    most: ClassVar[int] = MAX_BODY_BYTES

    def parse(
        self,
        stream: Any,
        media_type: str | None = None,
        parser_context: Any = None,
    ) -> dict[str, Any]:
        """Return the object in the body."""
        # Before any byte is read, if the client sent its length.
        request = (parser_context or {}).get("request")
        length = int(request.META.get("CONTENT_LENGTH") or 0) if request else 0
        if length > self.most:
            raise TooLargeError
        body = stream.read(self.most + 1)
        if len(body) > self.most:
            raise TooLargeError
        if len(body) < length:
            raise ParseError("The body is shorter than Content-Length. Send it again.")
        if not body.strip():
            return {}
        kind = (media_type or "").partition(";")[0].strip().lower()
        if kind not in _JSON and not _EMPTY.fullmatch(body):
            raise UnsupportedMediaType(
                kind[:100], "Send JSON, with 'Content-Type: application/json'."
            )
        try:
            data = orjson.loads(body)
        except orjson.JSONDecodeError:
            raise ParseError("The body is not valid JSON in UTF-8.") from None
        if not isinstance(data, dict):
            raise ParseError("The body must be a JSON object.")
        _check_nesting(data)
        _check_names(body)
        return data


def _check_nesting(data: Any) -> None:
    """Refuse deep nesting, and NUL characters, which databases can't store."""
    level = [data]
    for _ in range(MAX_DEPTH):
        inner: list[Any] = []
        for value in level:
            if isinstance(value, dict):
                inner += [*value.keys(), *value.values()]
            elif isinstance(value, list):
                inner += value
            elif isinstance(value, str) and "\0" in value:
                raise ParseError("A string in the body contains a NUL character.")
        if not inner:
            return
        level = inner
    raise ParseError(f"The body is nested too deeply. Use at most {MAX_DEPTH} levels.")


def _check_names(body: bytes) -> None:
    """Refuse an object with the same field twice: it is unclear which one is meant."""
    json.loads(
        body,
        object_pairs_hook=_refuse_twins,
        parse_int=str,
        parse_float=str,
    )


def _refuse_twins(pairs: list[tuple[str, Any]]) -> None:
    seen: set[str] = set()
    for name, _ in pairs:
        if name in seen:
            raise ParseError(f"The body contains {name[:80]!r} twice.")
        seen.add(name)
