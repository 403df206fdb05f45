"""Jobs that a client pushes over the API, for CI systems without an adapter."""

from typing import Final

from servers.queues.kind import QueueKind
from servers.queues.matching import match_labels
from servers.queues.push.body import read_body

KIND: Final = QueueKind(
    name="push",
    label="Push over the API",
    open=None,
    match=match_labels,
    labels_help=(
        "What the servers of this pool offer. A job is served if the pool has all of "
        "its labels, with the same values."
    ),
)

__all__ = ["KIND", "read_body"]
