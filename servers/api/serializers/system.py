"""The service itself, and errors."""

from typing import ClassVar

from servers.api.serializers.base import Shape
from servers.api.serializers.fields import Array, Choice, Flag, Object, Text


class HealthSerializer(Shape):
    """The process is alive."""

    status = Choice(choices=["ok"])


class VarzSerializer(Shape):
    """The pause flag."""

    paused = Flag()


class VersionSerializer(Shape):
    """The running version."""

    source = Text()  # type: ignore[assignment]
    version = Text()
    commit = Text()

    example: ClassVar = {
        "source": "https://github.com/serverfleet/serverfleet",
        "version": "0.1.0",
    }


class ErrorSerializer(Shape):
    """Why a request failed."""

    message = Text(
        help_text="What happened, and what to do about it.", rules={"minLength": 1}
    )
    errors = Object(  # type: ignore[assignment]
        child=Array(child=Text(), min_length=1),
        required=False,
        help_text="What is wrong with each field or parameter.",
    )

    optional: ClassVar = frozenset({"errors"})
