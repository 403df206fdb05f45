"""Whatever a cloud really answered is read, or is an error of the port.

The recordings are no part of this repository: CLOUD_MATERIAL names their folder. Each
answer is given to each call, also to those that were never recorded with it. What a
certain recording means, the tests of its own cloud say.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from servers.clouds.base import CloudInstance, Meaning, NoCapacityError, QuotaError
from servers.clouds.port import Cloud
from servers.outgoing.errors import (
    CallError,
    CredentialsError,
    MissingError,
    RefusedError,
    ThrottledError,
    UnknownOutcomeError,
)
from tests.clouds.benches.base import Bench
from tests.clouds.conformance.test_life import create
from tests.clouds.fakes.specs.material import load_json, need_material
from tests.clouds.fakes.wire import Response

pytestmark = [pytest.mark.pure, pytest.mark.needs("http")]

# Headers of a connection, not of an answer.
_HOP = frozenset(
    {"content-length", "content-encoding", "transfer-encoding", "location"}
)


def read_recordings(folder: Path) -> list[tuple[str, Response]]:
    """Return all answers of a cloud's recordings, each with where it is from."""
    found = []
    for path in sorted(folder.glob("recordings/*.json")):
        material = load_json(path) or {}
        for number, each in enumerate(material.get("interactions") or ()):
            found.append((f"{path.stem} {number}", read_answer(each["response"])))
        samples = material.get("samples") or {}
        for name, body in samples.items() if isinstance(samples, dict) else ():
            found.append((f"{path.stem} {name}", Response(200, body)))
    assert found
    return found


def read_answer(recorded: Any) -> Response:
    """Return a recorded answer as a fake gives it."""
    headers = recorded.get("headers") or {}
    kept = {
        name: str(value[0] if isinstance(value, list) else value)
        for name, value in headers.items()
        if name.lower() not in _HOP
    }
    return Response(recorded.get("status") or 200, recorded.get("body"), kept)


def test_each_recorded_answer_is_read_or_is_an_error_of_the_port(
    bench: Bench, cloud: Cloud
) -> None:
    folder = need_material(bench.kind)
    made = create(cloud, bench.make_spec())
    calls: dict[str, Callable[[], Any]] = {
        "list": lambda: cloud.list_instances("ci", deadline=10).instances,
        "get": lambda: (cloud.get_instance(made.instance_id, deadline=10),),
        "create": lambda: (cloud.create_instance(bench.make_spec(), deadline=10),),
        "destroy": lambda: cloud.destroy_instance(made.instance_id, deadline=10),
        "leftovers": lambda: cloud.list_leftovers("ci", deadline=10),
    }
    for where, answer in read_recordings(folder):
        for role, call in calls.items():
            bench.fake.answer(answer, 200, role=role)
            since = len(bench.fake.seen)
            try:
                shown = call()
            except CallError as error:
                check_error(error, answer, f"{where} {role}", role)
            else:
                # A cloud without leftovers is not asked for them.
                asked = len(bench.fake.seen) > since
                assert answer.status < 400 or not asked, f"{where} {role}"
                check_shown(shown or (), where)
            bench.fake.faults.clear()


def check_error(error: CallError, answer: Response, where: str, role: str) -> None:
    """Hold an error's class to the status, where that leaves no doubt."""
    assert error.message.isprintable(), where
    kind = type(error)
    assert role != "create" or kind is not MissingError, where
    if answer.status == 401:
        assert kind is CredentialsError, where
    elif answer.status == 429:
        assert kind is ThrottledError, where
    elif answer.status >= 500:
        assert kind in {UnknownOutcomeError, ThrottledError, NoCapacityError}, where
    elif answer.status == 403:
        # A policy, a quota, or a gateway's page.
        assert kind in {
            *(CredentialsError, QuotaError, UnknownOutcomeError),
            *(RefusedError, ThrottledError, NoCapacityError),
        }, where


def check_shown(shown: Any, where: str) -> None:
    """Hold what was read to what every instance has."""
    for each in shown:
        if isinstance(each, CloudInstance):
            assert each.instance_id, where
            assert each.meaning in set(Meaning), where
            assert each.meaning is not Meaning.UNCLEAR or each.raw_status != "running"
        else:
            assert each.fleet == "ci", where
