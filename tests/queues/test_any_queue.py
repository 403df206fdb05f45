"""What is the same for every kind of queue: an answer that can't be read is no zero."""

import time
from dataclasses import dataclass, field
from typing import Any

import pytest

from servers.drill.service import free_port
from servers.outgoing.errors import (
    CallError,
    CredentialsError,
    ThrottledError,
    UnknownOutcomeError,
    UnreachableError,
)
from servers.queues.base import MAX_JOBS, QueueConfig, QueueSnapshot
from servers.queues.registry import describe_queue_kind, open_queue
from tests.clouds.fakes.wire import HTML, Response
from tests.queues.fakes.base import QueueFake
from tests.queues.fakes.buildkite import FakeBuildkite
from tests.queues.fakes.drone import NOW, FakeDrone
from tests.queues.fakes.forgejo import FakeForgejo
from tests.queues.fakes.gitea import FakeGitea
from tests.queues.fakes.github import FakeGitHub
from tests.queues.fakes.gitlab import FakeGitLab
from tests.queues.fakes.jenkins import FakeJenkins
from tests.queues.fakes.jobsite import FakeJobSite
from tests.queues.fakes.prometheus import FakePrometheus
from tests.queues.fakes.woodpecker import FakeWoodpecker

pytestmark = pytest.mark.pure

SECRET = "secret-token-9"


@dataclass(frozen=True)
class Case:
    """One kind: its fake, and how it is configured besides its token."""

    kind: str
    fake: type[Any]  # with a method add(), which puts a waiting job in the queue
    options: dict[str, Any] = field(default_factory=dict)
    more: dict[str, str] = field(default_factory=dict)  # credentials
    counted: bool = False  # its jobs have no ids

    def read(
        self, url: str, token: str = "token-one", deadline: float = 10
    ) -> QueueSnapshot:
        config = QueueConfig(url, {"token": token, **self.more}, self.options)
        return open_queue(self.kind, config).read(now=NOW, deadline=deadline)


CASES = [
    Case("buildkite", FakeBuildkite, counted=True),
    Case("drone", FakeDrone),
    Case("forgejo", FakeForgejo),
    Case("gitea", FakeGitea),
    Case("github", FakeGitHub, {"repositories": ["acme/app"]}),
    Case("gitlab", FakeGitLab, {"projects": ["acme/app"]}),
    Case("jenkins", FakeJenkins, more={"user": "ada"}),
    Case(
        "json",
        FakeJobSite,
        {
            "pending": "/api/jobs?state=new&wrap=1#/items",
            "running": "/api/jobs?state=started&wrap=1#/items",
            "id": "/id",
        },
    ),
    Case(
        "prometheus",
        FakePrometheus,
        {"pending": "pending", "running": "running"},
        counted=True,
    ),
    Case("woodpecker", FakeWoodpecker),
]


@pytest.fixture(params=CASES, ids=lambda case: case.kind)
def case(request: pytest.FixtureRequest) -> Case:
    found: Case = request.param
    return found


def test_waiting_jobs_are_seen_whole(case: Case, fake: Any) -> None:
    for _ in range(130):
        fake.add()
    shown = case.read(fake.origin)
    assert len(shown.jobs) == 130
    assert len({job.job_id for job in shown.jobs}) == (1 if case.counted else 130)
    assert shown.complete
    assert not shown.paused
    assert shown.at == NOW


@pytest.mark.parametrize("body", [HTML, "", '{"a": 1}', "[1]", '"text"', "7"])
def test_what_is_no_queue_is_unknown(case: Case, fake: QueueFake, body: str) -> None:
    fake.answer(Response(200, body), times=9)
    with pytest.raises(UnknownOutcomeError):
        case.read(fake.origin)


@pytest.mark.parametrize("status", [204, 302, 404, 500, 502, 503])
def test_a_status_of_no_meaning_is_unknown(
    case: Case, fake: QueueFake, status: int
) -> None:
    fake.answer(Response(status, HTML), times=9)
    with pytest.raises(UnknownOutcomeError):
        case.read(fake.origin)


def test_an_answer_that_is_cut_off_is_unknown(case: Case, fake: Any) -> None:
    fake.add()
    fake.cut(9)
    with pytest.raises(UnknownOutcomeError):
        case.read(fake.origin)


def test_a_queue_that_hangs_is_given_up_at_the_deadline(
    case: Case, fake: QueueFake
) -> None:
    fake.hang()
    began = time.monotonic()
    with pytest.raises(UnknownOutcomeError):
        case.read(fake.origin, deadline=0.3)
    assert time.monotonic() - began < 3


def test_throttling_says_when_to_come_back(case: Case, fake: QueueFake) -> None:
    fake.throttle(9, retry_after=42)
    with pytest.raises(ThrottledError) as raised:
        case.read(fake.origin)
    assert raised.value.retry_after == 42


def test_a_token_that_is_not_known_is_told(case: Case, fake: QueueFake) -> None:
    with pytest.raises(CredentialsError):
        case.read(fake.origin, "nobody")


def test_no_error_has_the_token(case: Case, fake: QueueFake) -> None:
    fake.tokens[SECRET] = "one"
    said = {"message": f"{SECRET} is not welcome", "errors": [SECRET]}
    for status in (400, 401, 403, 404, 422, 429, 500):
        fake.answer(Response(status, said), times=9)
        with pytest.raises(CallError) as raised:
            case.read(fake.origin, SECRET)
        assert SECRET not in repr(raised.value)
        assert SECRET not in raised.value.message
        fake.faults.clear()
    with pytest.raises(UnreachableError) as unreachable:
        case.read(f"http://127.0.0.1:{free_port()}", SECRET)
    assert SECRET not in unreachable.value.message
    assert SECRET not in repr(QueueConfig(fake.url, {"token": SECRET}))


def test_more_jobs_than_can_be_true_are_unknown(
    case: Case, fake: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("servers.queues.base.MAX_JOBS", 60)
    for _ in range(61):
        fake.add()
    with pytest.raises(UnknownOutcomeError, match="more than"):
        case.read(fake.origin)
    assert MAX_JOBS == 20_000


def test_every_setting_has_a_help_text(case: Case) -> None:
    kind = describe_queue_kind(case.kind)
    assert kind.labels_help
    for setting in (*kind.credentials, *kind.all_options):
        assert setting.help.endswith(".")
        assert setting.label
