"""What Gitea's and Forgejo's APIs have in common, since one is a fork of the other."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final

from servers.outgoing import reading
from servers.outgoing.errors import (
    CallError,
    CredentialsError,
    RefusedError,
    UnknownOutcomeError,
)
from servers.outgoing.fields import Field
from servers.outgoing.reply import Reply, shorten
from servers.outgoing.rest import Query, RestClient
from servers.queues.answers import need_list
from servers.queues.authorization import ONE_WORD
from servers.queues.base import Labels, QueueConfig
from servers.queues.opening import open_with_token

ADMIN: Final = "/admin/actions"  # the path of a whole instance
LABELS_HELP: Final = (
    "The labels of this pool's runners, such as ubuntu-latest, without the image that "
    "follows the colon. Upper and lower case differ."
)
TOKEN: Final = Field(
    "token",
    "Token",
    "An access token with the scope read:admin, or with read:organization or "
    "read:repository if you name an owner. With write instead of read, "
    "ServerFleet can register runners for servers, and disable Gitea's before "
    "their servers drain.",
    required=True,
    secret=True,
    pattern=ONE_WORD,
    like="0a1b2c3d",
)
PAGE: Final = 200  # rows at once; an instance shows fewer if its settings say so
OWNER: Final = Field(
    "owner",
    "Owner",
    "The organization whose jobs count, or owner/repository for one "
    "repository. If empty, the jobs of the whole instance count, which only an "
    "administrator's token can read.",
    pattern=r"[A-Za-z0-9_-][A-Za-z0-9_.-]*(/[A-Za-z0-9_-][A-Za-z0-9_.-]*)?",
    like="my-team or my-team/app",
)


def open_client(name: str, config: QueueConfig) -> RestClient:
    """Return the client for an instance."""
    return open_with_token(
        config, what=name, explain=explain_by(name), scheme="token", path="/api/v1"
    )


def find_scope(client: RestClient, config: QueueConfig) -> str:
    """Return the path below which the owner's jobs and runners are."""
    owner = str(config.options.get("owner", "")).strip()
    if not owner:
        return ADMIN
    group = "repos" if "/" in owner else "orgs"
    return client.join_path(group, *owner.split("/"), "actions")


def explain_by(name: str) -> Callable[[Reply], CallError | None]:
    """Return what says which error an answer means. ``name`` is the system's."""

    def explain(reply: Reply) -> CallError | None:
        # Whatever answers here has its own words. Only the API's own errors name it.
        words = reading.text(reply.data, "message")
        if not reading.text(reply.data, "url").endswith("/api/swagger"):
            return None
        said = f"{name} answered {reply.status}: {shorten(words).rstrip('.')}."
        if reply.status in {401, 403}:
            return CredentialsError(
                f"{said} Check the token, its scopes and the user that it belongs to."
            )
        if reply.status == 404:
            return RefusedError(
                f"{said} Check the owner. An older version may lack this API."
            )
        return None

    return explain


def list_pages(
    client: RestClient, path: str, name: str, query: Query | None = None
) -> Iterator[tuple[list[dict[str, Any]], int]]:
    """Yield the pages of a list, and how many rows there are on all of them.

    The rows are the answer itself, or its field ``name``. They may come twice.
    """
    page, seen = 1, 0

    def find_next(reply: Reply) -> Query | None:
        nonlocal page, seen
        shown = len(_read_rows(reply, name))
        page, seen = page + 1, seen + shown
        if shown and seen < _read_total(reply):
            return {"page": page}
        page, seen = 1, 0  # all of them may be asked for once more
        return None

    for reply in client.pages(
        path,
        query={**(query or {}), "page": 1, "limit": PAGE},
        find_next=find_next,
        find_total=_read_total,
    ):
        yield _read_rows(reply, name), _read_total(reply)


def _read_rows(reply: Reply, name: str) -> list[dict[str, Any]]:
    if isinstance(reply.data, Mapping):
        return need_list(reply, name)
    return need_list(reply)


def _read_total(reply: Reply) -> int:
    if isinstance(reply.data, Mapping):
        total = reading.find(reply.data, "total_count")
    else:
        total = reading.number(reply.headers.get("X-Total-Count"))
    if isinstance(total, int | float) and not isinstance(total, bool) and total >= 0:
        return int(total)
    raise UnknownOutcomeError(f"{reply.what} did not say how long a list is.")


def read_tags(names: Iterable[str]) -> dict[str, str]:
    """Return the labels of a job or a runner, which have no values."""
    return {name: "" for name in names if name}


def check_tags(labels: Labels) -> str:
    """Return what is wrong with a pool's labels for runners, or ""."""
    for name, value in labels.items():
        if value or ":" in name:
            short = name.split(":")[0][:80]
            return (
                f"Runners match by the name of a label alone, such as {short!r}. Leave "
                "out what follows it."
            )
    return ""


def name_job(job: dict[str, Any], attempt: str) -> str:
    """Return what tells this run of a job from the others: its id, and the attempt."""
    number = reading.text(job, "id")
    repeat = reading.whole(job, attempt)
    return f"{number}.{repeat}" if number and repeat > 1 else number
