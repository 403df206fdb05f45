"""Conditions that the Docker daemon on an instance tells about.

A condition is a row of steps over one connection: each step says that it is met, or
what is still missing. So what must hold of the daemon, of its images and of the agent
chains by itself, and a look costs one handshake.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial

from servers.lifecycle.conditions import Met, NotYet
from servers.machine.docker.client import Docker
from servers.machine.docker.connection import Endpoint
from servers.machine.docker.errors import (
    DockerError,
    RefusedError,
    UnansweredError,
)

# One thing that must hold. It may raise DockerError.
Step = Callable[[Docker], Met | NotYet]
# Return where the daemon is, given the address, and with which keys. May ask the
# database, so it is called only to look.
FindDaemon = Callable[[str], Endpoint]


@dataclass(frozen=True, slots=True)
class Daemon:
    """The condition that all steps are met.

    ``since``: the instance has been starting since then, so a daemon that is not there
    yet is no surprise. None: it was there before.
    """

    find_daemon: FindDaemon
    steps: tuple[Step, ...]
    since: datetime | None = None

    def judge(self, address: str, _now: datetime) -> "AskDaemon":
        """Return the look that tells."""
        return AskDaemon(self, address)


@dataclass(frozen=True, slots=True)
class AskDaemon:
    """Connect once, and take the steps until one is not met."""

    condition: Daemon
    address: str

    def __call__(self, *, timeout: float) -> Met | NotYet:
        """Return what the first step that is not met waits for."""
        asked = self.condition
        met = Met("")
        try:
            with Docker(asked.find_daemon(self.address), timeout=timeout) as docker:
                for step in asked.steps:
                    found = step(docker)
                    if isinstance(found, NotYet):
                        return add_start(found, met)
                    met = join_met(met, found)
        except DockerError as error:
            return NotYet(explain_error(error, asked.since))
        return met


def join_met(first: Met, second: Met) -> Met:
    """Return one value for two steps that are met."""
    return Met(
        f"{first.reason} {second.reason}".strip(),
        agent_started=first.agent_started or second.agent_started,
        agent_behind=first.agent_behind or second.agent_behind,
        agent_spent=first.agent_spent or second.agent_spent,
    )


def add_start(found: NotYet, met: Met) -> NotYet:
    """Return what is not met, with what the steps before it have started."""
    return replace(found, agent_started=found.agent_started or met.agent_started)


def explain_error(error: DockerError, since: datetime | None) -> str:
    """Return why the daemon can't tell, for people."""
    if since is None:
        return error.message
    began = f"{since:%d %b %H:%M} UTC"
    if isinstance(error, RefusedError):
        return (
            f"{error.message} The instance is probably still installing Docker, since "
            f"{began}."
        )
    if isinstance(error, UnansweredError):
        return f"{error.message} The instance has had its address since {began}."
    return error.message


def answer(docker: Docker) -> Met:
    """Check that the daemon's API answers."""
    docker.ping()
    return Met(f"Docker {docker.version()} answers.")


def ping(docker: Docker) -> Met:
    """Check that the daemon answers, and no more: for what is asked each minute."""
    docker.ping()
    return Met("Docker answers.")


def have_images(images: tuple[str, ...]) -> Step:
    """Return the step that the instance has pulled these images."""
    return partial(_find_images, images)


def _find_images(images: tuple[str, ...], docker: Docker) -> Met | NotYet:
    missing = [each for each in images if not docker.has_image(each)]
    if not missing:
        return Met("")
    return NotYet(
        f"Docker answers. The instance is still pulling: {', '.join(missing)}."
    )
