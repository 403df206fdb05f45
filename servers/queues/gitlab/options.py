"""What a queue of GitLab needs, and what is wrong with it."""

from collections.abc import Mapping
from typing import Final

from servers.outgoing.fields import Field, read_several
from servers.queues.authorization import ONE_WORD

DEFAULT_URL: Final = "https://gitlab.com"
_PATH: Final = r"[A-Za-z0-9_.][A-Za-z0-9_.-]{0,254}(/[A-Za-z0-9_.-]{1,255}){0,20}"

CREDENTIALS: Final = (
    Field(
        "token",
        "Token",
        "A group, project or personal access token with the scope read_api and at "
        "least the role Reporter. To register runners for servers, it also needs the "
        "scopes create_runner and manage_runner, and the role Owner of the group or "
        "Maintainer of the project.",
        required=True,
        secret=True,
        pattern=ONE_WORD,
        like="glpat-abc",
    ),
)
OPTIONS: Final = (
    Field(
        "group",
        "Group",
        "The jobs of all projects of this group and its subgroups.",
        pattern=_PATH,
        like="acme/web",
    ),
    Field(
        "projects",
        "Projects",
        "The jobs of these projects, instead of a group's.",
        several=True,
        pattern=_PATH,
        like="acme/web/app",
    ),
    Field(
        "runner_per_server",
        "Each server has its own runner",
        "In GitLab, each server has a runner of its own that you registered, "
        "and its description is the server's name. Leave this off if "
        "ServerFleet registers the runners, or if servers share a runner "
        "token: GitLab then doesn't say which server runs a job.",
        flag=True,
    ),
)


def read_projects(options: Mapping[str, object]) -> list[str]:
    """Return the projects that the options name, each once."""
    return list(dict.fromkeys(read_several(options.get("projects"))))


def check_options(options: Mapping[str, object]) -> str:
    """Return what is wrong with options that are valid one by one, or ""."""
    if bool(options.get("group")) == bool(read_projects(options)):
        return "Name a group or projects, not both."
    return ""
