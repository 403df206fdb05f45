"""What a queue of GitHub needs, and what is wrong with it."""

from collections.abc import Mapping
from typing import Final

from servers.outgoing.fields import Field, read_several
from servers.outgoing.signing import read_rsa_key
from servers.queues.authorization import ONE_WORD

DEFAULT_URL: Final = "https://api.github.com"
_OWNER: Final = r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}"
_REPOSITORY: Final = rf"{_OWNER}/[A-Za-z0-9._-]{{1,100}}"

CREDENTIALS: Final = (
    Field(
        "token",
        "Token",
        "A fine-grained personal access token with the permission Actions: "
        "read for the repositories, or a classic one with the scope repo. With "
        "Self-hosted runners: write (or Administration: write of the "
        "repositories), ServerFleet can register runners for servers, and "
        "remove them again. Leave it out if you use a GitHub App.",
        secret=True,
        pattern=ONE_WORD,
        like="github_pat_abc",
    ),
    Field(
        "app_id",
        "App ID",
        "The client ID or App ID of a GitHub App that is installed for the "
        "organization or the repositories, with the permission Actions: read.",
        shown=True,
        pattern=r"[A-Za-z0-9._-]{1,100}",
        like="Iv23liAbCdEfGh",
    ),
    Field(
        "private_key",
        "Private key of the App",
        "The whole .pem file that GitHub creates under Private keys.",
        secret=True,
        lines=True,
    ),
)
OPTIONS: Final = (
    Field(
        "organization",
        "Organization",
        "The jobs of all its repositories that the token or the App can read.",
        pattern=_OWNER,
        like="acme",
    ),
    Field(
        "repositories",
        "Repositories",
        "The jobs of these repositories, instead of an organization's.",
        several=True,
        pattern=_REPOSITORY,
        like="acme/app",
    ),
    Field(
        "runner_group",
        "Runner group",
        "The number of the organization's group in which runners are "
        "registered: it is in the address of the group's page. Leave empty for "
        "the default group.",
        number=True,
        whole=True,
        least=1,
    ),
    Field(
        "hosted",
        "Jobs of GitHub's own runners",
        "Also read jobs with one label such as ubuntu-latest. Set it on GitHub "
        "Enterprise Server, which has no runners of its own.",
        flag=True,
    ),
)


def read_repositories(options: Mapping[str, object]) -> list[str]:
    """Return the repositories that the options name, each once."""
    return list(dict.fromkeys(read_several(options.get("repositories"))))


def check_credentials(given: Mapping[str, str]) -> str:
    """Return what is wrong with credentials that are valid one by one, or ""."""
    of_app = [given.get(name) for name in ("app_id", "private_key")]
    if given.get("token"):
        return "Enter a token or a GitHub App, not both." if any(of_app) else ""
    if not all(of_app):
        return "Enter a token, or the ID of a GitHub App and its private key."
    if read_rsa_key(given["private_key"]) is None:
        return (
            "Private key of the App: it can't be read. Enter the whole .pem file as "
            "GitHub created it."
        )
    return ""


def check_options(options: Mapping[str, object]) -> str:
    """Return what is wrong with options that are valid one by one, or ""."""
    if bool(options.get("organization")) == bool(read_repositories(options)):
        return "Name an organization or repositories, not both."
    return ""
