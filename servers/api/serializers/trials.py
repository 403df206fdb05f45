"""Trial runs of templates."""

from typing import ClassVar

from servers.api.serializers.base import Shape
from servers.api.serializers.fields import Choice, Flag, Number, Seconds, Text
from servers.api.serializers.servers import AT, STATES


class TrialBegunSerializer(Shape):
    """The server of a trial run."""

    server = Text(source="name")

    example: ClassVar = {"server": "try-default-4f1c2d9a"}


class _StepSerializer(Shape):
    """A state that the server of a trial run entered."""

    state = Choice(choices=STATES)
    at = Seconds("When the server entered it.")
    seconds = Number(value=lambda step: round(step.seconds, 3))


class TrialSerializer(Shape):
    """A trial run of a template."""

    server = Text(source="server.name")
    state = Choice(source="server.state", choices=STATES)
    outcome = Choice(choices=["under way", "works", "failed"])
    boot_seconds = Number(allow_null=True)
    queued_seconds = Number(allow_null=True)
    gone = Flag(help_text="Whether nothing of the server is left at the cloud.")
    error = Text()
    steps = _StepSerializer(many=True)

    example: ClassVar = {
        "server": "try-default-4f1c2d9a",
        "state": "stopped",
        "outcome": "works",
        "boot_seconds": 31.4,
        "queued_seconds": 0.2,
        "gone": True,
        "steps": [
            {"state": "pending", "at": AT, "seconds": 0.0},
            {"state": "running", "at": AT + 31, "seconds": 31.4},
        ],
    }
