"""The client of GitLab's REST API: what its errors mean, and lists by page."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from servers.outgoing import reading
from servers.outgoing.errors import (
    CallError,
    CredentialsError,
    RefusedError,
    ThrottledError,
)
from servers.outgoing.reply import Reply
from servers.outgoing.rest import Query, RestClient
from servers.queues.authorization import read_token
from servers.queues.base import QueueConfig
from servers.queues.gitlab.jobs import NAME

PAGE: Final = 100
_ADVICE: Final = {
    401: "The token is unknown, expired or revoked. Enter another one.",
    403: "The token needs the scope read_api and at least the role Reporter.",
    404: "There is no such group or project, or the token can't read it: GitLab "
    "doesn't say which. Check the name, and the user that the token belongs to.",
}
_REFUSED: Final = frozenset({400, 404, 405, 422})


def open_client(config: QueueConfig) -> RestClient:
    """Return the client for a GitLab."""
    token = read_token(config.credentials)
    return RestClient(
        NAME,
        f"{config.url.rstrip('/')}/api/v4",
        {"PRIVATE-TOKEN": token},
        (token,),
        explain_by({}),
    )


def list_by_page(
    client: RestClient, path: str, query: Query
) -> Iterator[list[dict[str, Any]]]:
    """Yield the pages of a list that are numbered. Rows may come twice."""
    for reply in client.pages(
        path,
        query={**query, "per_page": PAGE},
        find_next=_find_next,
        find_total=_read_total,
    ):
        yield reply.need_objects()


def _find_next(reply: Reply) -> Query | None:
    page = reading.whole(reply.headers.get("X-Next-Page", ""))
    return {"page": page} if page else None


def _read_total(reply: Reply) -> int:
    return reading.whole(reply.headers.get("X-Total", ""))


def is_own_error(reply: Reply) -> bool:
    """Tell whether an error is GitLab's own: it has one of these, a gateway's none."""
    return reading.find(reply.data, "message") is not None or bool(
        reading.text(reply.data, "error")
    )


def explain_by(advice: Mapping[int, str]) -> Callable[[Reply], CallError | None]:
    """Return what says which error an answer means.

    ``advice`` is what to do about a status in a certain call.
    """

    def explain(reply: Reply) -> CallError | None:
        said = f"{NAME} answered {reply.status}."
        if reply.status == 429:
            return ThrottledError(said, retry_after=reply.find_wait("RateLimit-Reset"))
        if reply.status == 301:
            return RefusedError(
                f"{said} GitLab redirects to another address. Check that the "
                "URL begins with https://, and that the group or the project "
                "was not renamed."
            )
        if not is_own_error(reply):
            return None
        said = f"{said} {advice.get(reply.status) or _ADVICE.get(reply.status, '')}"
        if reply.status in {401, 403}:
            return CredentialsError(said)
        return RefusedError(said.strip()) if reply.status in _REFUSED else None

    return explain
