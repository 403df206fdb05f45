"""The port over Drone's ``GET /api/queue``."""

from typing import Final

from servers.outgoing import reading
from servers.outgoing.deadline import Deadline
from servers.outgoing.errors import CallError, CredentialsError, RefusedError
from servers.outgoing.fields import Field
from servers.outgoing.reply import Reply
from servers.queues import hooks
from servers.queues.authorization import ONE_WORD
from servers.queues.base import QueueConfig, QueueSnapshot, check_count
from servers.queues.drone.stages import (
    check_labels,
    list_demanded_of_stage,
    list_missing_of_stage,
    match_stage,
    read_stages,
)
from servers.queues.kind import QueueKind
from servers.queues.opening import open_with_token

NAME: Final = "Drone"
_ADVICE: Final = {
    401: "The token is not valid. Enter one of an administrator.",
    403: "The token's user is not an administrator, and only administrators see the "
    "queue.",
}


class Drone:
    """The queue of one Drone server."""

    def __init__(self, config: QueueConfig) -> None:
        self._client = open_with_token(config, what=NAME, explain=_explain)

    def read(self, *, now: float, deadline: float) -> QueueSnapshot:
        """Return all stages in the queue. Whether it is paused can't be read."""
        with Deadline(deadline, NAME):
            reply = self._client.ask("GET", "/api/queue")
            stages = reply.need_objects()
        check_count(len(stages), NAME)
        return QueueSnapshot(now, tuple(read_stages(stages, now)))


def _explain(reply: Reply) -> CallError | None:
    said = f"{NAME} answered {reply.status}."
    if reply.status == 501:
        return RefusedError(
            f"{said} This build of Drone has no queue API: it is the open-source "
            "edition. Use the queue kind json or push instead."
        )
    if reply.status in _ADVICE and reading.text(reply.data, "message"):
        return CredentialsError(f"{said} {_ADVICE[reply.status]}")
    return None


KIND: Final = QueueKind(
    name="drone",
    label=NAME,
    agent="drone",
    open=Drone,
    match=match_stage,
    list_missing=list_missing_of_stage,
    list_demanded=list_demanded_of_stage,
    check_labels=check_labels,
    labels_help=(
        "The properties of this pool's runners: os, arch and, if needed, kind, "
        "type, variant, kernel, and label.NAME for each of their labels."
    ),
    credentials=(
        Field(
            "token",
            "Token",
            "The API token of an administrator: Account settings in Drone.",
            required=True,
            secret=True,
            pattern=ONE_WORD,
            like="55f24eb3d61ef6ac",
        ),
    ),
    hook=hooks.DRONE,
)
