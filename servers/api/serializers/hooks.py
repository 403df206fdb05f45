"""What a CI needs to send hooks."""

from typing import ClassVar

from servers.api.serializers.base import Shape
from servers.api.serializers.fields import Text
from servers.queues.hooks import DRONE


class HookSerializer(Shape):
    """What to enter at a CI, so that it sends hooks. The secret is shown only here."""

    url = Text(help_text="Where the hooks go.")
    secret = Text(help_text="It can't be read again, only replaced.")
    setup = Text(help_text="Where to enter them.")

    example: ClassVar = {
        "url": "https://fleet.example.com/api/hooks/drone",
        "secret": "nS3Zb1…",
        "setup": DRONE.setup,
    }
