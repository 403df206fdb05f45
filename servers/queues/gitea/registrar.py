"""Let Gitea's runners register themselves.

Gitea creates a runner only when the runner asks for it, with a token that all of an
owner's runners share. So the agent registers itself, under the name that it gets.

Source: go-gitea/gitea, routers/api/v1/shared/runners.go, as of 1.25 to 1.27.
"""

from typing import ClassVar, Final

from servers.outgoing import reading
from servers.outgoing.deadline import Deadline
from servers.queues.base import Labels
from servers.queues.forge_runners import SHARED, ForgeRunners, build_registers
from servers.queues.registrars import Registered

NAME: Final = "Gitea"


class GiteaRunners(ForgeRunners):
    """The runners of a Gitea instance, an organization or a repository."""

    name: ClassVar[str] = NAME

    def register(self, name: str, *, labels: Labels, deadline: float) -> Registered:
        """Return what lets the agent register itself. No runner is created yet."""
        with Deadline(deadline, NAME):
            reply = self.client.ask("POST", f"{self.path}/registration-token")
        return self.build_registered("", {SHARED: reading.text(reply.data, "token")})


REGISTERS: Final = build_registers(GiteaRunners, SHARED)
