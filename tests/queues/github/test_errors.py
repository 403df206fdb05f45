"""GitHub's errors and nonsense: nothing of it is taken for an empty queue."""

from typing import Any

import pytest

from servers.outgoing.errors import (
    CallError,
    CredentialsError,
    RefusedError,
    UnknownOutcomeError,
)
from tests.clouds.fakes.wire import HTML, Response
from tests.queues.fakes.github import FakeGitHub
from tests.queues.github.reading import OWN, read

pytestmark = pytest.mark.pure


@pytest.mark.parametrize("role", ["runs", "jobs", "repositories"])
@pytest.mark.parametrize(
    "body", [HTML, "", "null", "[1]", '{"jobs": 1, "workflow_runs": {}}', "[{}]"]
)
def test_an_answer_that_is_no_list_is_no_empty_list(
    github: FakeGitHub, role: str, body: str
) -> None:
    github.add_job(*OWN)
    github.answer(Response(200, body), role=role)
    with pytest.raises(UnknownOutcomeError):
        read(github, organization="acme")


@pytest.mark.parametrize(
    ("status", "body", "headers", "error", "words"),
    [
        (401, {"message": "Bad credentials"}, {}, CredentialsError, "expired"),
        (301, {"message": "Moved Permanently"}, {}, RefusedError, "renamed"),
        (404, {"message": "Not Found"}, {}, RefusedError, "doesn't say which"),
        (
            403,
            {"message": "Resource protected by organization SAML enforcement."},
            {"X-GitHub-SSO": "required; url=https://github.com/orgs/a/sso"},
            CredentialsError,
            "Configure SSO",
        ),
        (
            403,
            {"message": "This installation has been suspended"},
            {},
            CredentialsError,
            "Unsuspend",
        ),
        (422, {"message": "Validation Failed"}, {}, RefusedError, "Validation"),
        (404, HTML, {}, UnknownOutcomeError, "404"),
        (403, HTML, {}, UnknownOutcomeError, "403"),
        (502, {"message": "Server Error"}, {}, UnknownOutcomeError, "502"),
    ],
)
def test_errors_say_what_to_do(
    github: FakeGitHub,
    status: int,
    body: Any,
    headers: dict[str, str],
    error: type[CallError],
    words: str,
) -> None:
    github.answer(Response(status, body, headers), role="runs", times=2)
    with pytest.raises(error, match=words) as raised:
        read(github)
    assert type(raised.value) is error


def test_a_list_that_single_sign_on_cuts_is_not_taken_for_all(
    github: FakeGitHub,
) -> None:
    headers = {"X-GitHub-SSO": "partial-results; organizations=21955855"}
    github.answer(Response(200, [], headers), role="repositories")
    with pytest.raises(CredentialsError, match="only a part"):
        read(github, organization="acme")


def test_a_link_to_another_host_gets_no_token(github: FakeGitHub) -> None:
    github.add_job(*OWN)
    body = {"total_count": 2, "workflow_runs": []}
    headers = {"Link": '<https://evil.example.com/next>; rel="next"'}
    github.answer(Response(200, body, headers), role="runs", times=2)
    with pytest.raises(UnknownOutcomeError, match="another host"):
        read(github)
