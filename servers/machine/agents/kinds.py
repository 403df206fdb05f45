"""What an entry of the table of agents says."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

# The socket of the daemon that the agent starts its builds with.
SOCKET: Final = "/var/run/docker.sock"


@dataclass(frozen=True, slots=True)
class Variable:
    """An environment variable of an agent that people set."""

    name: str
    label: str
    help: str = ""
    required: bool = False
    secret: bool = False
    default: str = ""


@dataclass(frozen=True, slots=True)
class Drain:
    """How an agent is told to finish its builds and end.

    ``cancels`` means that the signal cancels the builds that run, so it is sent only
    while none does. ``seconds`` is how long the agent itself waits for its builds, or
    None if it waits without a limit. What a second signal does is of no concern: none
    is sent.
    """

    signal: str = "SIGTERM"
    cancels: bool = False
    seconds: int | None = None


@dataclass(frozen=True, slots=True)
class Builds:
    """How the builds of an agent are seen.

    A container is a build's if it has all ``labels`` (an empty value stands for any),
    or if its name or one of its labels matches ``name`` or ``label``. Some builds have
    no container at every moment, or none at all: then a network whose name starts with
    ``network`` or a process in the agent's container whose command contains ``process``
    shows that one runs. ``titles`` are the labels that make up the name of a build.
    """

    labels: Mapping[str, str] = field(default_factory=dict)
    name: re.Pattern[str] | None = None
    label: re.Pattern[str] | None = None
    network: str = ""
    process: str = ""
    titles: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Agent:
    """One program that takes builds from a CI.

    ``capacity`` and ``name`` are the variables that get the number of builds at once
    and ``name_pattern``, with the server's name in it. ``fixed`` variables always have
    the given value. ``entrypoint`` replaces that of the image. ``user`` is who it runs
    as, if the image's own user can't use the daemon's socket. ``one_build`` means that
    it ends by itself after one build and can't be started again. ``trace`` is a path in
    its container that is there once a build has begun: its exit code may not tell.
    """

    label: str
    image: str = ""
    variables: tuple[Variable, ...] = ()
    capacity: str = ""
    name: str = ""
    name_pattern: str = "{name}"
    fixed: Mapping[str, str] = field(default_factory=dict)
    entrypoint: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    binds: tuple[str, ...] = (f"{SOCKET}:{SOCKET}",)
    user: str = ""
    one_build: bool = False
    trace: str = ""
    drain: Drain = Drain()
    builds: Builds = Builds()
