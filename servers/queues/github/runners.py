"""Remove runners from GitHub, which gives them no more jobs then.

GitHub has no cordon. A runner that is removed can't come back, so this is for servers
that end. GitHub refuses to remove one that has a job, and decides both at once: there
is no moment at which a runner is removed and gets a job.

Source: GitHub's documentation, "REST API endpoints for self-hosted runners".
"""

from collections.abc import Mapping
from dataclasses import dataclass

from servers.outgoing import reading
from servers.outgoing.deadline import Deadline
from servers.outgoing.errors import MissingError, RefusedError
from servers.outgoing.reply import Reply, need_text
from servers.outgoing.rest import refusing_missing
from servers.queues.base import QueueConfig
from servers.queues.cordons import Cordoned
from servers.queues.gathering import gather
from servers.queues.github.api import Api
from servers.queues.github.errors import NAME
from servers.queues.github.options import read_repositories


@dataclass(frozen=True, slots=True)
class SeenRunner:
    """One runner, and whether it has a job."""

    runner_id: str
    name: str
    is_busy: bool


class Runners:
    """The runners of an organization, or of the repositories that are named."""

    def __init__(self, config: QueueConfig) -> None:
        self._config = config

    def cordon(self, wanted: Mapping[str, bool], *, deadline: float) -> Cordoned:
        """Remove the runners of these names (true) that have no job.

        A runner that is not there gets no jobs, so it counts as cordoned already. Those
        with a job are in neither set, and have to be asked for again. What was removed
        can't come back, so false does nothing.
        """
        names = {name for name, is_cordoned in wanted.items() if is_cordoned}
        removed, there = set(), set()
        with Deadline(deadline, NAME), refusing_missing():
            api = Api(self._config)
            scopes = find_scopes(api, self._config)
            lists = gather(lambda scope: api.list_all(scope, {}, read_runners), scopes)
            for scope, runners in zip(scopes, lists, strict=True):
                for runner in runners:
                    if runner.name not in names:
                        continue
                    if runner.is_busy or not remove_runner(
                        api, scope, runner.runner_id
                    ):
                        there.add(runner.name)
                    else:
                        removed.add(runner.name)
        # Of two with one name, such as in two repositories, one may be left.
        changed = frozenset(removed - there)
        return Cordoned(changed, frozenset(names - removed - there))


def find_scopes(api: Api, config: QueueConfig) -> list[str]:
    """Return the paths at which a queue's runners are listed."""
    if named := read_repositories(config.options):
        return [
            api.join_path("repos", *name.split("/"), "actions", "runners")
            for name in named
        ]
    organization = str(config.options.get("organization") or "")
    return [api.join_path("orgs", organization, "actions", "runners")]


def read_runners(reply: Reply) -> list[SeenRunner]:
    """Return the runners of a page."""
    return [
        SeenRunner(
            need_text(each, "id", what=NAME),
            reading.text(each, "name"),
            reading.truth(each, "busy"),
        )
        for each in reply.need_objects("runners")
    ]


def remove_runner(api: Api, scope: str, runner_id: str) -> bool:
    """Remove a runner. False: it has a job, maybe since this moment."""
    try:
        api.delete(scope + api.join_path(runner_id))
    except MissingError:
        return True  # another call was faster, or it has ended after its only job
    except RefusedError as error:
        if type(error) is not RefusedError:
            raise
        return False
    return True
