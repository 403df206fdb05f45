"""How a view says what an operation accepts and returns."""

from collections.abc import Callable, Iterable
from typing import Any

from drf_spectacular.utils import (
    OpenApiExample,
    OpenApiParameter,
    OpenApiResponse,
    extend_schema,
)

from servers.api.serializers.system import ErrorSerializer


def describe(
    name: str,
    answer: Any = None,
    *,
    body: Any = None,
    status: int = 200,
    also: Iterable[int] = (),
    errors: Iterable[int] = (),
    parameters: Iterable[OpenApiParameter] = (),
    example: Any = None,
    plain: str = "",
    says: str = "",
) -> Callable[[Any], Any]:
    """Describe the operation ``name``, beyond what every operation has.

    ``answer`` and ``body`` are serializers. ``also`` lists further statuses without
    content. ``example`` replaces the serializer's own where that would be wrong.
    ``plain`` is the text for clients that don't ask for JSON.
    """
    if example is not None:
        shown = [OpenApiExample("Example", value=example)]
        answer = OpenApiResponse(answer, examples=shown)
    responses: dict[Any, Any] = {status: answer}
    if plain:
        shown = [OpenApiExample("Example", value=plain)]
        text = OpenApiResponse({"type": "string", "const": plain}, examples=shown)
        responses = {(status, "application/json"): answer, (status, "text/plain"): text}
    responses |= dict.fromkeys(also, None)
    responses |= dict.fromkeys(errors, ErrorSerializer)
    return extend_schema(
        operation_id=name,
        request=body,
        responses=responses,
        parameters=list(parameters),
        description=says or None,
    )
