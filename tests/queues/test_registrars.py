"""Runners are registered for servers by their names, found by them, and removed."""

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from servers.machine.agents.plan import Runner as AgentsRunner
from servers.machine.agents.plan import plan_agent
from servers.outgoing.errors import (
    CallError,
    CredentialsError,
    RefusedError,
    ThrottledError,
    UnknownOutcomeError,
)
from servers.queues.registrars import BusyError, Runner
from servers.queues.registry import describe_queue_kind
from tests.clouds.fakes.faults import NO_REQUEST
from tests.clouds.fakes.wire import HTML, Response
from tests.queues.registering import CASES, KEYS, Case

pytestmark = pytest.mark.pure


@pytest.fixture(params=CASES, ids=lambda case: f"{case.kind}{case.options or ''}")
def case(request: pytest.FixtureRequest) -> Case:
    found: Case = request.param
    return found


def test_a_runner_is_registered_found_by_its_name_and_removed(
    case: Case, fake: Any
) -> None:
    fake.page = fake.most = 1  # each list has several pages
    registrar = case.open(fake)
    registered = [case.register(fake, key) for key in KEYS]
    other = case.register(fake, "ci-prod-agent")
    found = registrar.list_registered("ci-0", deadline=5)
    assert sorted(found, key=str) == sorted(registered, key=str)
    for _ in range(2):  # what is gone already is fine
        registrar.unregister(registered[1], deadline=5)
    assert case.list_names(fake) == [KEYS[0], KEYS[2], "ci-prod-agent"]
    assert registrar.list_registered("ci-prod", deadline=5) == [other]
    assert registrar.list_registered("x", deadline=5) == []


def test_what_an_agent_needs_is_given_and_shown_nowhere(case: Case, fake: Any) -> None:
    found = case.open(fake).register(KEYS[0], labels={"linux": ""}, deadline=5)
    assert all(found.environment.values())
    for name, value in found.environment.items():
        assert value not in repr(found), name
    urls = [value for value in found.environment.values() if value.startswith("http")]
    assert urls == ([] if case.kind == "github" else [fake.origin])


def test_an_agent_is_started_under_the_runners_name_with_what_the_ci_gave(
    case: Case, fake: Any
) -> None:
    registers = describe_queue_kind(case.kind).registers
    assert registers is not None
    found = case.open(fake).register(KEYS[0], labels={}, deadline=5)
    # User data is reserved for these.
    assert found.environment.keys() == registers.lengths.keys()
    for name, most in registers.lengths.items():
        assert len(found.environment[name]) <= most
    own = {name: "own" for name in registers.variables if name.endswith("_URL")}
    plan = plan_agent(
        registers.agent,
        uid="0" * 32,
        name="agent-1",
        capacity=1,
        environment=json.dumps(own),
        runner=AgentsRunner(KEYS[0], found.environment),
    )
    # The instances may reach the CI at another address.
    assert plan.environment.items() >= {**found.environment, **own}.items()
    if plan.agent.name:
        assert plan.environment[plan.agent.name] == KEYS[0]


def test_a_runner_with_a_job_stays_until_the_job_has_ended(
    case: Case, fake: Any
) -> None:
    runner = case.register(fake, KEYS[0])
    case.make_busy(fake, KEYS[0])
    with pytest.raises(BusyError, match="has a job"):
        case.open(fake).unregister(runner, deadline=5)
    assert case.list_names(fake) == [KEYS[0]]


def test_another_runner_with_the_same_id_is_not_touched(case: Case, fake: Any) -> None:
    runner = case.register(fake, "somebody-elses")
    case.open(fake).unregister(Runner(runner.runner_id, KEYS[0]), deadline=5)
    case.open(fake).unregister(Runner("..", KEYS[0]), deadline=5)
    assert case.list_names(fake) == ["somebody-elses"]


def test_after_a_lost_answer_the_runner_is_found_by_its_name(
    case: Case, fake: Any
) -> None:
    registrar = case.open(fake)
    for lose, more in ((fake.cut, {}), (fake.fail, {"after": True, "html": True})):
        lose(role="register", **more)
        with pytest.raises(UnknownOutcomeError):
            registrar.register(KEYS[0], labels={}, deadline=5)
        # Gitea's agents create their runners themselves.
        there = [KEYS[0]] if case.kind != "gitea" else []
        found = registrar.list_registered(KEYS[0], deadline=5)
        assert [each.name for each in found] == there
        for each in found:
            registrar.unregister(each, deadline=5)
        assert case.list_names(fake) == []


def test_a_call_ends_at_its_deadline(case: Case, fake: Any) -> None:
    fake.hang(role="register", after=True)
    begun = time.monotonic()
    with pytest.raises(UnknownOutcomeError):
        case.open(fake).register(KEYS[0], labels={}, deadline=0.3)
    assert time.monotonic() - begun < 3


def call_each(case: Case, fake: Any) -> Iterator[tuple[str, Callable[[], Any]]]:
    """Yield the calls with the role of the request that decides about each."""
    registrar = case.open(fake)
    runner = case.register(fake, KEYS[0])
    yield (
        "register",
        lambda: registrar.register(KEYS[1], labels={}, deadline=5),
    )
    yield "runners", lambda: registrar.list_registered("ci-", deadline=5)
    yield "remove", lambda: registrar.unregister(runner, deadline=5)


def test_what_goes_wrong_is_told_and_changes_nothing(case: Case, fake: Any) -> None:
    for role, call in call_each(case, fake):
        fake.forbidden = {"token-one": {role}}
        with pytest.raises(CredentialsError) as raised:
            call()
        assert type(raised.value) is CredentialsError
        if case.kind == "gitlab":
            assert "the role Owner of the group or Maintainer" in str(raised.value)
        fake.forbidden = {}
        for answer, error in (
            (Response(502, HTML), UnknownOutcomeError),
            (Response(200, HTML), UnknownOutcomeError),
            (Response(429, {"message": "Slow down"}), ThrottledError),
        ):
            if role == "remove" and answer.status == 200:
                continue  # a success is one, whatever it says
            fake.answer(answer, role=role)
            with pytest.raises(CallError) as failed:
                call()
            assert type(failed.value) is error, (role, answer)
        assert case.list_names(fake) == [KEYS[0]]


def test_an_owner_that_is_not_seen_is_no_owner_without_runners(
    case: Case, fake: Any
) -> None:
    if not case.options:
        return  # the whole instance
    name, value = next(iter(case.options.items()))
    gone = ["acme/gone"] if isinstance(value, list) else "gone"
    runner = case.register(fake, KEYS[0])
    registrar = case.open(fake, **{name: gone})
    calls: list[Callable[[], Any]] = [
        lambda: registrar.register(KEYS[1], labels={}, deadline=5),
        lambda: registrar.list_registered("ci-", deadline=5),
    ]
    if case.kind != "gitlab":  # whose runners have ids of the whole instance
        calls.append(lambda: registrar.unregister(runner, deadline=5))
    if case.kind == "github" and not isinstance(value, list):
        fake.answer(fake.refuse("missing", NO_REQUEST), times=9)
    for call in calls:
        with pytest.raises(RefusedError) as raised:
            call()
        assert type(raised.value) is RefusedError
