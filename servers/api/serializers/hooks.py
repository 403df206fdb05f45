"""What a CI needs to send hooks."""

from typing import ClassVar

from servers.api.serializers.base import Shape
from servers.api.serializers.fields import Text
from servers.queues.hooks import DRONE


class HookSerializer(Shape):
    """What to enter at a CI, so that it sends hooks. The secret is shown only here."""

    url = Text(read_only=True, help_text="Where the hooks go.")
    secret = Text(
        required=False,
        rules={"pattern": "^(?:[!-~]{16,500})?$"},
        help_text="It can't be read again, only replaced. Send one only if your CI "
        "makes it, such as Buildkite. It is then not returned.",
    )
    setup = Text(read_only=True, help_text="Where to enter them.")

    example: ClassVar = {
        "url": "https://fleet.example.com/api/hooks/drone",
        "secret": "nS3Zb1-an-example-only",
        "setup": DRONE.setup,
    }
    may_be_empty: ClassVar = True
