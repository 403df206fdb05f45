"""A look that a cloud refuses shows nothing: not even that there are no instances."""

from collections.abc import Callable
from typing import Any

import pytest

from servers.clouds.port import Cloud, TellsQuotas
from servers.outgoing.errors import (
    CallError,
    CredentialsError,
    MissingError,
    RefusedError,
    UnknownOutcomeError,
)
from tests.clouds.benches.base import Bench
from tests.clouds.conformance.test_life import create
from tests.clouds.fakes.faults import NO_REQUEST
from tests.clouds.fakes.wire import Response

pytestmark = [pytest.mark.pure, pytest.mark.needs("http")]


@pytest.mark.parametrize("status", [400, 404, 422])
def test_a_look_that_a_cloud_refuses_shows_nothing(
    bench: Bench, cloud: Cloud, status: int
) -> None:
    spec = bench.make_spec()
    made = create(cloud, spec)
    whole: dict[str, Callable[[], Any]] = {
        "identity": lambda: cloud.fetch_identity(deadline=10),
        "list": lambda: cloud.list_instances("ci", deadline=10),
        "find": lambda: cloud.find_instances(spec.key, deadline=10),
        "leftovers": lambda: cloud.list_leftovers("ci", deadline=10),
        "catalogue": lambda: need_gaps(cloud),
    }
    if isinstance(cloud, TellsQuotas):
        whole["quotas"] = lambda: cloud.list_quotas(deadline=10)
    refused = []
    for why in ("missing", "bad_image", "quota"):
        answer = reword(bench.fake.refuse(why, NO_REQUEST), status)
        bench.fake.answer(answer, 100)
        refused.append(
            weigh(lambda: cloud.create_instance(bench.make_spec(), deadline=10))
        )
        one = weigh(lambda: cloud.get_instance(made.instance_id, deadline=10))
        assert one in {MissingError, UnknownOutcomeError}, why
        for name, act in whole.items():
            since = len(bench.fake.seen)
            meaning = weigh(act)
            asked = name == "list" or len(bench.fake.seen) > since
            if name in {"identity", "catalogue"} and meaning is CredentialsError:
                continue  # the account itself is missing, or may read nothing
            if name == "find" and bench.find_role == "get" and one is MissingError:
                assert meaning is None, why  # looked up by its name, it is not there
            elif asked:
                assert meaning is UnknownOutcomeError, f"{name}: {why}"
        bench.fake.faults.clear()
    # They are refusals, in the cloud's own words.
    assert [each for each in refused if each and issubclass(each, RefusedError)]
    assert bench.count_live() == [spec.key]
    (listed,) = cloud.list_instances("ci", deadline=10).instances
    assert listed.instance_id == made.instance_id


def need_gaps(cloud: Cloud) -> None:
    """Read a catalogue that is not whole, and have that count as an error."""
    assert cloud.catalogue(deadline=10).gaps
    raise UnknownOutcomeError("It says what it lacks.")


def weigh(act: Callable[[], Any]) -> type[CallError] | None:
    """Return the error of the port that a call raises, or None."""
    try:
        act()
    except CallError as error:
        return type(error)
    return None


def reword(answer: Response, status: int) -> Response:
    """Return an answer with another status, which some clouds' bodies repeat."""

    def write(body: Any) -> Any:
        if isinstance(body, dict):
            return {name: write(value) for name, value in body.items()}
        if isinstance(body, list):
            return [write(each) for each in body]
        return status if body == answer.status and type(body) is int else body

    return Response(status, write(answer.body), answer.headers)
