"""Tokens and Apps at GitHub: what people enter, and what they may read."""

from typing import Any

import pytest

from servers.outgoing.errors import CredentialsError, RefusedError
from servers.queues.base import QueueConfig, QueueSnapshot
from servers.queues.github import KIND
from servers.queues.github.options import read_repositories
from servers.queues.registry import open_queue
from tests.clouds.fakes.wire import Response
from tests.queues.fakes.github import FakeGitHub
from tests.queues.fakes.github_base import NOW
from tests.queues.github.reading import OWN, read

pytestmark = pytest.mark.pure


def test_a_fine_grained_token_without_the_repository_is_no_empty_queue(
    github: FakeGitHub,
) -> None:
    github.add_job(*OWN)
    github.grants["token-one"] = {"acme/other"}
    with pytest.raises(RefusedError, match="can't read it"):
        read(github)


def test_a_missing_permission_is_named(github: FakeGitHub) -> None:
    github.forbidden["token-one"] = {"runs"}
    with pytest.raises(CredentialsError, match="It needs actions=read"):
        read(github)


def use_app(fake: FakeGitHub, **more: Any) -> dict[str, str]:
    fake.installed["acme"] = 42
    return {"app_id": fake.app_id, "private_key": fake.private_key, **more}


def read_as_app(
    fake: FakeGitHub, credentials: dict[str, str], **options: Any
) -> QueueSnapshot:
    options = options or {"organization": "acme"}
    queue = open_queue("github", QueueConfig(fake.url, credentials, options))
    return queue.read(now=NOW, deadline=20)


@pytest.mark.parametrize(
    "options", [{"organization": "acme"}, {"repositories": ["acme/app"]}]
)
def test_an_app_signs_in_once_and_reads_what_it_is_installed_for(
    github: FakeGitHub, options: dict[str, Any]
) -> None:
    credentials = use_app(github)
    github.add_job(*OWN)
    github.add_job(*OWN, repository="other/app")
    for _ in range(2):
        shown = read_as_app(github, credentials, **options)
        assert [job.title for job in shown.jobs] == ["acme/app, CI / build"]
    lent = [path for _, path in github.calls if path.endswith("/access_tokens")]
    assert len(lent) == 1


def test_an_app_s_token_that_is_revoked_is_replaced(github: FakeGitHub) -> None:
    credentials = use_app(github)
    read_as_app(github, credentials)
    github.expired.add(f"ghs_{github.app_id}_1")
    with pytest.raises(CredentialsError):
        read_as_app(github, credentials)
    # New ones are kept for a minute, whatever GitHub says of them.
    from servers.queues.github import signin

    signin._cache.__init__("The installation's token")  # type: ignore[misc]
    assert read_as_app(github, credentials).jobs == ()


def test_an_app_that_is_not_installed_is_told(github: FakeGitHub) -> None:
    credentials = use_app(github)
    with pytest.raises(CredentialsError, match="not installed"):
        read_as_app(github, credentials, organization="other")


def test_an_app_reads_the_repositories_of_one_owner(github: FakeGitHub) -> None:
    credentials = use_app(github)
    with pytest.raises(CredentialsError, match="queue for each owner"):
        read_as_app(github, credentials, repositories=["acme/app", "other/app"])


def test_a_key_of_another_app_is_told(github: FakeGitHub) -> None:
    credentials = use_app(github, private_key=FakeGitHub().private_key)
    with pytest.raises(CredentialsError, match="don't belong together"):
        read_as_app(github, credentials)


def test_no_token_or_key_is_in_an_error(github: FakeGitHub) -> None:
    secret = "github_pat_secret-9"
    github.answer(Response(422, {"message": f"no {secret} here"}), role="runs", times=2)
    with pytest.raises(RefusedError) as raised:
        read(github, token=secret)
    assert secret not in raised.value.message


@pytest.mark.parametrize(
    ("credentials", "words"),
    [
        ({}, "Enter a token, or"),
        ({"app_id": "7"}, "and its private key"),
        ({"token": "t", "app_id": "7"}, "not both"),
        ({"app_id": "7", "private_key": "-----BEGIN"}, "can't be read"),
        ({"token": "t"}, ""),
        ({"app_id": "7", "private_key": FakeGitHub().private_key}, ""),
    ],
)
def test_a_queue_needs_a_token_or_an_app(
    credentials: dict[str, str], words: str
) -> None:
    said = KIND.check_credentials(credentials)
    assert words in said
    assert bool(words) == bool(said)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({}, "not both"),
        ({"organization": "acme", "repositories": "acme/app"}, "not both"),
        ({"organization": "acme", "repositories": ""}, ""),
        ({"repositories": ["acme/app"]}, ""),
        ({"repositories": "acme/app, acme/web"}, ""),
    ],
)
def test_a_queue_has_an_organization_or_repositories(
    options: dict[str, Any], words: str
) -> None:
    assert words in KIND.check_options(options)
    assert bool(words) == bool(KIND.check_options(options))


def test_names_of_repositories_are_checked_and_read_once_each() -> None:
    (field,) = (each for each in KIND.options if each.name == "repositories")
    assert field.check(["acme/app", "Acme-2/a.b_c"]) == ""
    assert field.check(["../etc"])
    assert field.check(["acme"])
    assert read_repositories({"repositories": "a/b, a/b,,c/d "}) == ["a/b", "c/d"]


def test_labels_have_no_values() -> None:
    assert KIND.check_labels({"linux": "", "gpu": ""}) == ""
    assert "empty value" in KIND.check_labels({"os": "linux"})
