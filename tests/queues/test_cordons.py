"""An agent is cordoned over its CI's API, found by its name, as often as it takes."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from servers.outgoing.errors import (
    CallError,
    RefusedError,
    ThrottledError,
    UnknownOutcomeError,
)
from servers.queues.base import QueueConfig
from servers.queues.cordons import Cordoned
from servers.queues.registry import describe_queue_kind
from tests.clouds.fakes.base import running
from tests.queues.fakes.gitea import FakeGitea
from tests.queues.fakes.woodpecker import FakeWoodpecker

pytestmark = pytest.mark.pure


@dataclass(frozen=True)
class Case:
    """One kind whose API can cordon, and where its fake keeps that."""

    kind: str
    fake: type[Any]
    connect: str  # the method that registers an agent
    agents: str
    mark: str
    options: dict[str, Any] = field(default_factory=dict)

    def cordon(self, fake: Any, deadline: float = 5, **wanted: bool) -> Cordoned:
        config = QueueConfig(fake.origin, {"token": "token-one"}, self.options)
        opened = describe_queue_kind(self.kind).open_cordons
        assert opened is not None
        names = {name.replace("_", "-"): on for name, on in wanted.items()}
        return opened(config).cordon(names, deadline=deadline)

    def add(self, fake: Any, name: str, *, cordoned: bool = False) -> None:
        getattr(fake, self.connect)(name, **{self.mark: cordoned})

    def list_cordoned(self, fake: Any) -> list[str]:
        agents = getattr(fake, self.agents).values()
        return [agent["name"] for agent in agents if agent[self.mark]]


CASES = [
    Case("gitea", FakeGitea, "register", "runners", "disabled"),
    Case(
        "gitea", FakeGitea, "register", "runners", "disabled", options={"owner": "team"}
    ),
    Case("woodpecker", FakeWoodpecker, "connect", "agents", "no_schedule"),
]


@pytest.fixture(params=CASES, ids=lambda case: f"{case.kind}{case.options or ''}")
def case(request: pytest.FixtureRequest) -> Case:
    found: Case = request.param
    return found


def count_changes(fake: Any) -> int:
    return sum(method == "PATCH" for method, _ in fake.calls)


def test_an_agent_is_cordoned_and_let_go_again(case: Case, fake: Any) -> None:
    for name in ("agent-1", "agent-2", "agent-3"):
        case.add(fake, name)
    found = case.cordon(fake, agent_2=True)
    assert found == Cordoned(changed=frozenset({"agent-2"}))
    assert case.list_cordoned(fake) == ["agent-2"]
    found = case.cordon(fake, agent_2=False, agent_3=True)
    assert found.changed == {"agent-2", "agent-3"}
    assert case.list_cordoned(fake) == ["agent-3"]


def test_repeating_it_changes_nothing(case: Case, fake: Any) -> None:
    case.add(fake, "agent-1", cordoned=True)
    case.add(fake, "agent-2")
    found = case.cordon(fake, agent_1=True, agent_2=False)
    assert found == Cordoned(already=frozenset({"agent-1", "agent-2"}))
    assert count_changes(fake) == 0


def test_an_agent_that_is_not_there_is_left_out(case: Case, fake: Any) -> None:
    case.add(fake, "agent-10")
    assert case.cordon(fake, agent_1=True) == Cordoned()
    assert case.list_cordoned(fake) == []


def test_an_agent_keeps_its_name(case: Case, fake: Any) -> None:
    case.add(fake, "agent-1")
    case.cordon(fake, agent_1=True)
    assert case.list_cordoned(fake) == ["agent-1"]


def test_all_agents_of_a_name_are_cordoned_on_all_pages(case: Case, fake: Any) -> None:
    for number in range(110):
        case.add(fake, f"agent-{number}")
    case.add(fake, "agent-1", cordoned=True)
    found = case.cordon(fake, agent_1=True, agent_109=True)
    assert found == Cordoned(changed=frozenset({"agent-1", "agent-109"}))
    assert sorted(case.list_cordoned(fake)) == ["agent-1", "agent-1", "agent-109"]


@pytest.mark.parametrize("role", ["cordon", ""])
def test_a_failure_is_told_and_can_be_repeated(
    case: Case, fake: Any, role: str
) -> None:
    case.add(fake, "agent-1")
    faults: list[tuple[Callable[[], None], type[CallError]]] = [
        (lambda: fake.fail(9, role=role, html=True), UnknownOutcomeError),
        (lambda: fake.throttle(9, role=role, retry_after=7), ThrottledError),
        (lambda: fake.cut(9, role=role), UnknownOutcomeError),
    ]
    for prepare, error in faults:
        prepare()
        with pytest.raises(error):
            case.cordon(fake, agent_1=True)
        fake.faults.clear()
    # The answer that was cut came after the effect.
    found = case.cordon(fake, agent_1=True)
    assert found.changed | found.already == {"agent-1"}
    assert case.list_cordoned(fake) == ["agent-1"]


def test_an_api_that_hangs_is_given_up_at_the_deadline(case: Case, fake: Any) -> None:
    case.add(fake, "agent-1")
    fake.hang(role="cordon")
    with pytest.raises(CallError):
        case.cordon(fake, deadline=0.3, agent_1=True)


def test_a_gitea_that_can_t_disable_runners_says_so() -> None:
    with running(FakeGitea(version=(1, 25))) as fake:
        fake.register("agent-1")
        with pytest.raises(RefusedError, match=r"Use 1\.26 or newer"):
            CASES[0].cordon(fake, agent_1=True)
