"""Register runners at GitHub with a just-in-time configuration, for one job each.

GitHub removes such a runner after its job, or after a day without contact.

Source: GitHub's documentation, "REST API endpoints for self-hosted runners" and
"Security hardening for GitHub Actions". That the runner group can't be left out, and
that a name in use answers 409, is what its clients report.
"""

from collections.abc import Mapping
from typing import Final

from servers.outgoing.deadline import Deadline
from servers.outgoing.errors import MissingError, RefusedError
from servers.outgoing.reply import need_text
from servers.outgoing.rest import refusing_missing
from servers.queues.base import Labels, QueueConfig
from servers.queues.gathering import gather
from servers.queues.github.api import Api
from servers.queues.github.errors import NAME
from servers.queues.github.options import read_repositories
from servers.queues.github.runners import find_scopes, read_runners, remove_runner
from servers.queues.registrars import BusyError, Registered, Registers, Runner

CONFIGURATION: Final = "ACTIONS_RUNNER_INPUT_JITCONFIG"
DEFAULT_GROUP: Final = 1
_ANY: Final = "self-hosted"  # it wants at least one label
_FOLDER: Final = "_work"
# It has the runner's settings and a key of 2,048 bits, encoded twice: some 4,000 bytes
# in 2025, when users of other services saw it grow. Longer names make it longer.
_MOST_BYTES: Final = 6144


class GitHubRunners:
    """The runners of an organization or a repository."""

    def __init__(self, config: QueueConfig) -> None:
        self._config = config

    def register(self, name: str, *, labels: Labels, deadline: float) -> Registered:
        """Create a runner with these labels, and no others, in the queue's group."""
        if wrong := check_registering(self._config.options):
            raise RefusedError(wrong)
        group = self._config.options.get("runner_group") or DEFAULT_GROUP
        data = {
            "name": name,
            "runner_group_id": group,
            "labels": sorted(labels) or [_ANY],
            "work_folder": _FOLDER,
        }
        with Deadline(deadline, NAME), refusing_missing():
            api = Api(self._config)
            (scope,) = find_scopes(api, self._config)
            try:
                reply = api.post(f"{scope}/generate-jitconfig", data)
            except MissingError as error:
                raise RefusedError(
                    f"{error.message} GitHub also says this if there is no "
                    f"runner group {group}."
                ) from None
        given = reply.need_object()
        return Registered(
            need_text(given, "runner", "id", what=NAME),
            {CONFIGURATION: need_text(given, "encoded_jit_config", what=NAME)},
        )

    def list_registered(self, prefix: str, *, deadline: float) -> list[Runner]:
        """Return all runners whose name begins with ``prefix``, each once."""
        with Deadline(deadline, NAME), refusing_missing():
            api = Api(self._config)
            scopes = find_scopes(api, self._config)
            lists = gather(lambda scope: _list_runners(api, scope), scopes)
        found = dict.fromkeys(runner for shown in lists for runner in shown)
        return [runner for runner in found if runner.name.startswith(prefix)]

    def unregister(self, runner: Runner, *, deadline: float) -> None:
        """Remove a runner that has no job. See ``Registrar``."""
        with Deadline(deadline, NAME), refusing_missing():
            api = Api(self._config)
            for scope in find_scopes(api, self._config):
                # A list tells a missing runner from an owner that can't be seen.
                shown = _list_runners(api, scope, name=runner.name)
                if runner in shown and not remove_runner(api, scope, runner.runner_id):
                    raise BusyError(f"{NAME} says that {runner.name} has a job.")


def _list_runners(api: Api, scope: str, **query: str) -> list[Runner]:
    shown = api.list_all(scope, query, read_runners)
    return [Runner(each.runner_id, each.name) for each in shown]


def check_registering(options: Mapping[str, object]) -> str:
    """Return why a queue can't register runners, or ""."""
    if len(read_repositories(options)) > 1:
        return (
            "GitHub registers a runner for an organization or for one repository. "
            "Create a queue for each repository, or one for the organization."
        )
    return ""


REGISTERS: Final = Registers(
    open=GitHubRunners,
    agent="github",
    credential=CONFIGURATION,
    variables=frozenset({CONFIGURATION}),
    lengths={CONFIGURATION: _MOST_BYTES},
    check_options=check_registering,
)
