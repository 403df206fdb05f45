"""The kinds of queues that register runners, and how their fakes are handled."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from servers.queues.base import Labels, QueueConfig
from servers.queues.registrars import Registrar, Runner
from servers.queues.registry import describe_queue_kind
from tests.queues.fakes.forgejo import FakeForgejo
from tests.queues.fakes.gitea import FakeGitea
from tests.queues.fakes.github import FakeGitHub
from tests.queues.fakes.gitlab import FakeGitLab

SERVER = "0" * 31
KEYS = [f"ci-{SERVER}{each}-1-abcd" for each in (1, 2, 3)]


def make_busy_by(field: str) -> Callable[[Any, str], None]:
    def make_busy(fake: Any, name: str) -> None:
        (runner,) = (each for each in fake.runners.values() if each["name"] == name)
        runner |= {field: True, "online": True}

    return make_busy


def start_job(fake: FakeGitLab, name: str) -> None:
    fake.start(fake.add(), name)


@dataclass(frozen=True)
class Case:
    """One kind that registers, and how its fake is handled."""

    kind: str
    fake: type[Any]
    make_busy: Callable[[Any, str], None]
    options: dict[str, Any] = field(default_factory=dict)
    name: str = "name"

    def open(self, fake: Any, **options: Any) -> Registrar:
        given = {**self.options, **options}
        url = fake.origin if self.kind != "github" else fake.url
        registers = describe_queue_kind(self.kind).registers
        assert registers is not None
        return registers.open(QueueConfig(url, {"token": "token-one"}, given))

    def register(self, fake: Any, name: str, labels: Labels | None = None) -> Runner:
        """Register a runner, and start its agent."""
        found = self.open(fake).register(name, labels=labels or {}, deadline=5)
        if found.runner_id:
            return Runner(found.runner_id, name)
        token = found.environment["GITEA_RUNNER_REGISTRATION_TOKEN"]
        return Runner(str(fake.connect(token, name)), name)

    def list_names(self, fake: Any) -> list[str]:
        return [each[self.name] for each in fake.runners.values()]


GITHUB = Case("github", FakeGitHub, make_busy_by("busy"), {"organization": "acme"})
GITLAB = Case("gitlab", FakeGitLab, start_job, {"group": "acme"}, "description")
FORGEJO = Case("forgejo", FakeForgejo, make_busy_by("active"))
GITEA = Case("gitea", FakeGitea, make_busy_by("busy"))
OWNED = {"owner": "team"}
CASES = [
    GITHUB,
    Case("github", FakeGitHub, GITHUB.make_busy, {"repositories": ["acme/app"]}),
    GITLAB,
    Case("gitlab", FakeGitLab, start_job, {"projects": ["acme/app"]}, "description"),
    FORGEJO,
    Case("forgejo", FakeForgejo, FORGEJO.make_busy, OWNED),
    GITEA,
    Case("gitea", FakeGitea, GITEA.make_busy, OWNED),
]
