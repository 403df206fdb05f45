"""Build the description with drf-spectacular, from the serializers.

Each view's ``describe`` says what its operations accept and return. Here is what they
all have: the scope, the errors, the request id, and closed shapes.
"""

from functools import cache
from typing import Any, Final

from django.urls import get_script_prefix
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.plumbing import force_instance
from rest_framework import serializers
from rest_framework.permissions import SAFE_METHODS

from servers.api.schema.components import (
    COMPONENTS,
    EVERYWHERE,
    METRICS,
    SAYS,
    TAGS,
    ref,
)
from servers.api.schema.examples import show_answer
from servers.api.schema.parameters import parts_of
from servers.api.serializers.fields import NO_NUL
from servers.api.serializers.system import ErrorSerializer
from servers.api.shared.renderers import ORJSONRenderer

# Paths whose second part is not their tag.
_TAGGED: Final = {"pause": "fleet", "resume": "fleet", "costs": "fleet", "me": "tokens"}


class OperationSchema(AutoSchema):
    """DRF's hook on each view."""

    def get_operation(
        self, path: str, path_regex: str, path_prefix: str, method: str, registry: Any
    ) -> dict[str, Any] | None:
        """Return the operation with what all of them have."""
        found = super().get_operation(path, path_regex, path_prefix, method, registry)
        if found is None:
            return None
        operation: dict[str, Any] = found
        needs = f"Needs the scope `{self.scope}`." if self.scope else "Needs no token."
        said = operation.get("description")
        operation["description"] = f"{said}\n\n{needs}" if said else needs
        operation.setdefault("parameters", []).append(ref("parameters", "X-Request-ID"))
        operation["security"] = self.get_auth()
        errors = {*EVERYWHERE}
        errors |= {401, 403} if self.scope else set()
        if body := operation.get("requestBody"):
            errors |= {413, 415}
            serializer: Any = self.get_request_serializer()
            body["required"] = not serializer.may_be_empty
        answers = operation["responses"]
        for status, answer in answers.items():
            if int(status) < 400:
                answer["description"] = SAYS[int(status)]
                headers = answer.setdefault("headers", {})
                headers["X-Request-ID"] = ref("headers", "X-Request-ID")
        for status in errors:
            answers[str(status)] = ref("responses", f"Error{status}")
        operation["responses"] = dict(sorted(answers.items()))
        return operation

    @property
    def scope(self) -> str:
        """The scope that the operation needs, or ""."""
        safe = self.method in SAFE_METHODS
        view: Any = self.view
        return (view.read_scope if safe else view.write_scope) or ""

    def get_auth(self) -> list[dict[str, list[str]]]:
        """Return the ways to identify oneself."""
        if not self.scope:
            return []
        return [{"bearer": [self.scope]}, {"session": [self.scope]}]

    def get_summary(self) -> str:
        """Return the first sentence of the view's docstring."""
        action = getattr(self.view, "action", None) or self.method.lower()
        return summarise(type(self.view), action).replace("``", "")

    def get_description(self) -> str:  # type: ignore[override]
        """Return nothing: the summary says it."""
        return ""

    def get_tags(self) -> list[str]:
        """Return the tag: the second part of the path."""
        part = self.path.removeprefix("/api/").partition("/")[0]
        tag = _TAGGED.get(part, part)
        return [tag if tag in TAGS else "service"]

    def _resolve_path_parameters(self, variables: Any) -> list[dict[str, Any]]:
        return parts_of(self.path)

    def _get_examples(
        self,
        serializer: Any,
        direction: str,
        media_type: str,
        status_code: str | None = None,
        extras: Any = None,
    ) -> dict[str, Any]:
        serializer = force_instance(serializer)  # type: ignore[no-untyped-call]
        if extras or not isinstance(serializer, serializers.BaseSerializer):
            found: dict[str, Any] = super()._get_examples(  # type: ignore[no-untyped-call]
                serializer, direction, media_type, status_code, extras
            )
            return found
        if direction == "request":
            shape: Any = serializer
            shown = shape.change if self.method == "PATCH" else shape.body
        else:
            shown = show_answer(serializer)
        return {"Example": {"value": shown}}

    def _get_response_for_code(
        self,
        serializer: Any,
        status_code: str,
        media_types: Any = None,
        direction: str = "response",
    ) -> dict[str, Any]:
        if int(status_code) >= 400:
            self.resolve_serializer(ErrorSerializer, "response")
            return ref("responses", f"Error{status_code}")
        found: dict[str, Any] = super()._get_response_for_code(  # type: ignore[no-untyped-call]
            serializer, status_code, media_types, direction
        )
        return found

    def _map_serializer_field(
        self, field: Any, direction: str, bypass_extensions: bool = False
    ) -> Any:
        """Return the shape of a field, or None where it doesn't occur."""
        if direction == "request" and field.read_only:
            return None
        return super()._map_serializer_field(field, direction, bypass_extensions)  # type: ignore[no-untyped-call]

    def _get_serializer_name(
        self, serializer: Any, direction: str, bypass_extensions: bool = False
    ) -> str:
        name = type(serializer).__name__.removeprefix("_").removesuffix("Serializer")
        if direction == "response" or name.endswith(("Request", "Change")):
            return name
        return name + ("Change" if serializer.partial else "Request")

    def _postprocess_serializer_schema(
        self, schema: dict[str, Any], serializer: Any, direction: str
    ) -> dict[str, Any]:
        """Close the shape. A response has all its fields."""
        found: dict[str, Any] = super()._postprocess_serializer_schema(  # type: ignore[no-untyped-call]
            schema, serializer, direction
        )
        found["additionalProperties"] = False
        if direction == "response":
            names = [*found["properties"]]
            found["required"] = [n for n in names if n not in serializer.optional]
            if serializer.body or serializer.change:
                # What is stored can be older than a rule for new values.
                for shape in found["properties"].values():
                    for key in ("pattern", "const"):
                        shape.pop(key, None)
            return found
        for shape in found["properties"].values():
            exact = {"pattern", "format", "enum", "const"} & shape.keys()
            if "string" in shape.get("type", "") and not exact:
                shape["pattern"] = NO_NUL
        if serializer.partial:
            found["minProperties"] = 1
        described: dict[str, Any] = serializer.describe(
            found, partial=serializer.partial
        )
        return described

    def _insert_field_validators(self, field: Any, schema: dict[str, Any]) -> None:
        """Add the limits of a field, and its own keywords."""
        super()._insert_field_validators(field, schema)  # type: ignore[no-untyped-call]
        schema.pop("x-spec-enum-id", None)
        inner, *_ = schema.pop("oneOf", [{}])  # that an empty text is allowed is clear
        schema.update(inner)
        if isinstance(field, serializers.ListSerializer):
            bounds: Any = field
            limits = {"minItems": bounds.min_length, "maxItems": bounds.max_length}
            schema.update({key: most for key, most in limits.items() if most})
        schema.update(getattr(field, "rules", {}))


class Generator(SchemaGenerator):
    """Generates the document with the components that all operations share."""

    def get_schema(self, request: Any = None, public: bool = False) -> dict[str, Any]:
        """Return the whole description."""
        document: dict[str, Any] = super().get_schema(  # type: ignore[no-untyped-call]
            request, public
        )
        document["servers"] = [{"url": get_script_prefix().rstrip("/") or "/"}]
        document["paths"]["/metrics"] = {"get": METRICS}
        document["tags"] = [
            {"name": name, "description": says} for name, says in TAGS.items()
        ]
        document["components"] |= COMPONENTS
        return document


def summarise(view: Any, name: str) -> str:
    """Return the first sentence of what a view says about a method or action."""
    text = getattr(view, name).__doc__ or view.__doc__ or ""
    return text.strip().partition("\n")[0]


def build_schema() -> dict[str, Any]:
    """Return the OpenAPI document."""
    generator = Generator(urlconf="servers.api.urls")  # type: ignore[no-untyped-call]
    return generator.get_schema(public=True)


@cache
def encode_schema() -> bytes:
    """Return the document as it is served. It never changes while a process runs."""
    return ORJSONRenderer().render(build_schema())
