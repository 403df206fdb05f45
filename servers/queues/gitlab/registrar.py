"""Register runners at GitLab, each with an authentication token of its own.

A runner's name is its description.

Source: GitLab's documentation, "Users API" (create a runner linked to a user) and
"Runners API", and lib/api/user_runners.rb and lib/api/ci/runners.rb of its source.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from servers.outgoing import reading
from servers.outgoing.deadline import Deadline
from servers.outgoing.errors import CallError, MissingError, RefusedError
from servers.outgoing.reply import Reply, need_text
from servers.outgoing.rest import Query
from servers.queues.base import Labels, QueueConfig
from servers.queues.gitlab.client import (
    explain_by,
    is_own_error,
    list_by_page,
    open_client,
)
from servers.queues.gitlab.jobs import NAME, UNTAGGED
from servers.queues.gitlab.options import read_projects
from servers.queues.registrars import (
    TOKEN_BYTES,
    URL_BYTES,
    BusyError,
    Registered,
    Registers,
    Runner,
)

URL: Final = "CI_SERVER_URL"
CREDENTIAL: Final = "CI_SERVER_TOKEN"
_ROLE: Final = "the role Owner of the group or Maintainer of the project"
_CREATING: Final = explain_by(
    {
        400: "It accepts no more runners, or none with these tags. Check the limit "
        "of runners of the group or the project, and the labels of the pool.",
        403: f"To register runners, the token needs the scope create_runner, and "
        f"{_ROLE}.",
        404: "Only 16 and newer register runners over their API.",
    }
)
_LISTING: Final = explain_by(
    {403: f"To list runners, the token needs the scope read_api, and {_ROLE}."}
)
_REMOVING: Final = explain_by(
    {403: f"To remove runners, the token needs the scope manage_runner, and {_ROLE}."}
)


class GitLabRunners:
    """The runners of a group or a project."""

    def __init__(self, config: QueueConfig) -> None:
        self._url = config.url.rstrip("/")
        self._client = open_client(config)
        self._wrong = check_registering(config.options)
        projects = read_projects(config.options)
        if projects:
            self._type = "project"
            owner = projects[0]
        else:
            self._type = "group"
            owner = str(config.options.get("group") or "")
        self._path = self._client.join_path(f"{self._type}s", owner)

    def register(self, name: str, *, labels: Labels, deadline: float) -> Registered:
        """Create a runner with the pool's tags."""
        if self._wrong:
            raise RefusedError(self._wrong)
        tags = sorted(labels.keys() - {UNTAGGED})
        with Deadline(deadline, NAME):
            query: Query = {"with_projects": False} if self._type == "group" else {}
            owner = self._client.ask("GET", self._path, query=query).need_object()
            data = {
                "runner_type": f"{self._type}_type",
                f"{self._type}_id": reading.whole(need_text(owner, "id", what=NAME)),
                "description": name,
                "tag_list": tags,
                "run_untagged": UNTAGGED in labels or not tags,
                "locked": True,  # to its project
            }
            client = replace(self._client, explain=_CREATING)
            given = client.ask("POST", "/user/runners", data=data).need_object()
        return Registered(
            need_text(given, "id", what=NAME),
            {URL: self._url, CREDENTIAL: need_text(given, "token", what=NAME)},
        )

    def list_registered(self, prefix: str, *, deadline: float) -> list[Runner]:
        """Return all runners whose name begins with ``prefix``, each once.

        Those of the groups above are among them.
        """
        client = replace(self._client, explain=_LISTING)
        query: Query = {"type": f"{self._type}_type"}
        found: dict[str, Runner] = {}
        with Deadline(deadline, NAME):
            for page in list_by_page(client, f"{self._path}/runners", query):
                for row in page:
                    number = need_text(row, "id", what=NAME)
                    found[number] = Runner(number, reading.text(row, "description"))
        return [each for each in found.values() if each.name.startswith(prefix)]

    def unregister(self, runner: Runner, *, deadline: float) -> None:
        """Remove a runner that has no job. See ``Registrar``."""
        client = replace(self._client, explain=_explain_one)
        with Deadline(deadline, NAME):
            try:
                path = client.join_path("runners", runner.runner_id)
                shown = client.ask("GET", path).need_object()
                if reading.text(shown, "description") != runner.name:
                    return
                query: Query = {"status": "running", "per_page": 1}
                if client.ask("GET", f"{path}/jobs", query=query).need_objects():
                    raise BusyError(f"{NAME} shows that {runner.name} has a job.")
                client.ask("DELETE", path)
            except MissingError:
                return


def _explain_one(reply: Reply) -> CallError | None:
    """Explain the answer about one runner. Its id is one of the whole GitLab."""
    if reply.status == 404 and is_own_error(reply):
        return MissingError(f"{NAME} answered 404.")
    return _REMOVING(reply)


def check_registering(options: Mapping[str, object]) -> str:
    """Return why a queue can't register runners, or ""."""
    if len(read_projects(options)) > 1:
        return (
            "GitLab registers a runner for a group or for one project. Create a queue "
            "for each project, or one for their group."
        )
    return ""


REGISTERS: Final = Registers(
    open=GitLabRunners,
    agent="gitlab",
    credential=CREDENTIAL,
    variables=frozenset({URL, CREDENTIAL}),
    # Its own documents say 151 bytes at the most.
    lengths={URL: URL_BYTES, CREDENTIAL: TOKEN_BYTES},
    check_options=check_registering,
)
