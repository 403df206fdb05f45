"""What an instance reported of its boot."""

from typing import ClassVar

from servers.api.serializers.base import Shape
from servers.api.serializers.fields import (
    Choice,
    Count,
    Flag,
    Number,
    Seconds,
    Text,
)
from servers.api.serializers.servers import AT


class BootStepSerializer(Shape):
    """One step of a boot."""

    name = Text()
    at = Seconds("When it began.")
    seconds = Number(allow_null=True, help_text="How long it took; null while it runs.")
    ok = Flag(help_text="Whether it succeeded, or still runs.")

    example: ClassVar = {
        "name": "Install Docker",
        "at": AT,
        "seconds": 21.4,
        "ok": True,
    }


class BootLogSerializer(Shape):
    """The boot of the last attempt's instance."""

    attempt = Count(help_text="The attempt's number; 0 if its instance doesn't report.")
    phase = Choice(choices=["", "booting", "ready", "failed"])
    heard = Seconds("When the instance was last heard of.", source="heard_at")
    steps = BootStepSerializer(many=True)
    log = Text(help_text="The end of the boot's log, at most 16 KiB.")

    example: ClassVar = {
        "attempt": 1,
        "phase": "ready",
        "heard": AT + 40,
        "steps": [BootStepSerializer.example],
        "log": "== Install Docker\n",
    }
