"""The runners of Gitea and Forgejo, as far as their APIs have them in common.

Source: routers/api/v1/shared/runners.go of both.
"""

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any, ClassVar, Final

from servers.outgoing import reading
from servers.outgoing.deadline import Deadline
from servers.outgoing.errors import (
    CallError,
    MissingError,
    RefusedError,
    UnknownOutcomeError,
)
from servers.outgoing.reply import Reply, need_text
from servers.queues.base import QueueConfig
from servers.queues.forges import explain_by, find_scope, list_pages, open_client
from servers.queues.registrars import (
    TOKEN_BYTES,
    URL_BYTES,
    BusyError,
    Registered,
    Registers,
    Registrar,
    Runner,
)

URL: Final = "GITEA_INSTANCE_URL"
SHARED: Final = "GITEA_RUNNER_REGISTRATION_TOKEN"
# The agent's script writes them into a file as they are.
_VALUE: Final = re.compile(rf"[A-Za-z0-9_-]{{1,{TOKEN_BYTES}}}")


class ForgeRunners:
    """The runners of an instance, an organization or a repository."""

    name: ClassVar[str]  # of the system

    def __init__(self, config: QueueConfig) -> None:
        self._url = config.url.rstrip("/")
        self.client = open_client(self.name, config)
        self.path = find_scope(self.client, config) + "/runners"

    def list_registered(self, prefix: str, *, deadline: float) -> list[Runner]:
        """Return all runners whose name begins with ``prefix``, each once."""
        with Deadline(deadline, self.name):
            return [each for each in self._list_all() if each.name.startswith(prefix)]

    def unregister(self, runner: Runner, *, deadline: float) -> None:
        """Remove a runner that has no job. See ``Registrar``.

        Forgejo before 15 answers 500 if the runner to remove is missing, so it is asked
        for first.
        """
        with Deadline(deadline, self.name):
            client = replace(self.client, explain=self._explain_one)
            try:
                path = self.path + client.join_path(runner.runner_id)
                shown = client.ask("GET", path).need_object()
                if reading.text(shown, "name") != runner.name:
                    return
                if _is_busy(shown):
                    raise BusyError(f"{self.name} shows that {runner.name} has a job.")
                client.ask("DELETE", path)
            except MissingError:
                # It also answers so if the owner is missing, of whom this asks again.
                if runner in self._list_all():
                    raise UnknownOutcomeError(
                        f"{self.name} shows {runner.name}, and says that it is missing."
                    ) from None

    def build_registered(self, runner_id: str, given: dict[str, str]) -> Registered:
        """Return what an agent gets, with the URL. ``given`` is from an answer."""
        if not all(map(_VALUE.fullmatch, given.values())):
            raise UnknownOutcomeError(f"{self.name} answered without a token.")
        return Registered(runner_id, {URL: self._url, **given})

    def _list_all(self) -> list[Runner]:
        pages = list(list_pages(self.client, self.path, "runners"))
        shown = [
            Runner(need_text(row, "id", what=self.name), reading.text(row, "name"))
            for page, _ in pages
            for row in page
        ]
        found, (_, total) = list(dict.fromkeys(shown)), pages[-1]
        if len(found) < total:
            raise UnknownOutcomeError(
                f"{self.name} has {total} runners, and showed {len(found)}."
            )
        return found

    def _explain_one(self, reply: Reply) -> CallError | None:
        error = explain_by(self.name)(reply)
        if reply.status == 404 and isinstance(error, RefusedError):
            return MissingError(error.message)
        return error


def build_registers(
    opened: Callable[[QueueConfig], Registrar], *given: str
) -> Registers:
    """Return how runners are registered, whose preset is the same for both.

    ``given`` are the variables that an agent gets besides the URL.
    """
    return Registers(
        open=opened,
        agent="gitea",
        credential=SHARED,
        variables=frozenset({URL, SHARED}),
        lengths={URL: URL_BYTES} | dict.fromkeys(given, TOKEN_BYTES),
    )


def _is_busy(row: dict[str, Any]) -> bool:
    # Forgejo has a status instead, since 15.
    return reading.truth(row, "busy") or reading.text(row, "status") == "active"
