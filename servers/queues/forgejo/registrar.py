"""Register runners at Forgejo 15 or newer, each with a token of its own.

Older versions know only a token that all runners of an owner share. Such a token can be
in the template instead.

Source: forgejo.org, routers/api/v1/shared/runners.go, and "Forgejo Runner Registration"
of its documentation.
"""

from dataclasses import replace
from typing import ClassVar, Final

from servers.outgoing import reading
from servers.outgoing.deadline import Deadline
from servers.outgoing.errors import CallError, RefusedError
from servers.outgoing.reply import Reply, need_text
from servers.queues.base import Labels
from servers.queues.forge_runners import SHARED, ForgeRunners, build_registers
from servers.queues.forges import explain_by
from servers.queues.registrars import Registered

NAME: Final = "Forgejo"
# The variables of the agent, and what they are called in the answer.
_FIELDS: Final = {"FORGEJO_RUNNER_UUID": "uuid", "FORGEJO_RUNNER_TOKEN": "token"}


class ForgejoRunners(ForgeRunners):
    """The runners of a Forgejo instance, an organization or a repository."""

    name: ClassVar[str] = NAME

    def register(self, name: str, *, labels: Labels, deadline: float) -> Registered:
        """Create a runner. It tells its labels itself, once it runs."""
        with Deadline(deadline, NAME):
            client = replace(self.client, explain=_explain_register)
            given = client.ask("POST", self.path, data={"name": name}).need_object()
        return self.build_registered(
            need_text(given, "id", what=NAME),
            {variable: reading.text(given, each) for variable, each in _FIELDS.items()},
        )


def _explain_register(reply: Reply) -> CallError | None:
    if error := explain_by(NAME)(reply):
        return error
    if reply.status in {404, 405}:
        return RefusedError(
            f"{NAME} answered {reply.status}. Only 15 and newer register runners over "
            f"their API. Update it, or enter {SHARED} in the template."
        )
    return None


REGISTERS: Final = replace(
    build_registers(ForgejoRunners, *_FIELDS),
    image="data.forgejo.org/forgejo/runner:12",
)
