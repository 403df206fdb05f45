"""The client of a CI system that takes one token, as most do. No call is made."""

from collections.abc import Callable

from servers.outgoing.errors import CallError
from servers.outgoing.reply import Reply
from servers.outgoing.rest import RestClient
from servers.queues.authorization import read_token
from servers.queues.base import QueueConfig


def open_with_token(
    config: QueueConfig,
    *,
    what: str,
    explain: Callable[[Reply], CallError | None],
    scheme: str = "Bearer",
    path: str = "",
) -> RestClient:
    """Return the client of the API at ``path`` below the queue's URL.

    ``scheme`` is the word before the token, and ``what`` the system's name.
    """
    token = read_token(config.credentials)
    return RestClient(
        what,
        config.url.rstrip("/") + path,
        {"Authorization": f"{scheme} {token}"},
        (token,),
        explain,
    )
