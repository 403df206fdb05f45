"""Whatever a cloud answers is read, or is an error of the port."""

import copy
from collections.abc import Iterator
from typing import Any

import pytest

from servers.clouds.base import Meaning
from servers.clouds.port import Cloud
from servers.outgoing.errors import CallError, UnknownOutcomeError
from tests.clouds.benches.base import Bench
from tests.clouds.conformance.test_life import create
from tests.clouds.fakes.specs import load_checker
from tests.clouds.fakes.specs.material import need_material
from tests.clouds.fakes.wire import HTML, Response

pytestmark = pytest.mark.pure

NO_ANSWERS = ("", HTML, "null", "[]", "{}", "1", '"text"', "[" * 20_000, "{", "\x00")
REPLACEMENTS: tuple[Any, ...] = (
    None,
    [],
    {},
    "",
    "odd \ud800 text\x00",
    10**400,
    -1,
    True,
    [None],
    [[]],
)
MOST = 120  # changed answers for each call


@pytest.mark.needs("json")
def test_an_answer_without_what_was_asked_is_no_answer(
    bench: Bench, cloud: Cloud
) -> None:
    spec = bench.make_spec()
    made = create(cloud, spec)
    for body in NO_ANSWERS:
        for role, act in (
            # Half a listing would make instances vanish.
            ("list", lambda: cloud.list_instances("ci", deadline=10)),
            (bench.find_role, lambda: cloud.find_instances(spec.key, deadline=10)),
            ("create", lambda: cloud.create_instance(bench.make_spec(), deadline=10)),
        ):
            bench.fake.answer(Response(200, body), role=role)
            with pytest.raises(UnknownOutcomeError):
                act()
    for status in (400, 403, 404, 409, 418, 422):
        for body in NO_ANSWERS:
            bench.fake.answer(Response(status, body), role="destroy")
            with pytest.raises(CallError) as raised:
                cloud.destroy_instance(made.instance_id, deadline=10)
            assert type(raised.value) is UnknownOutcomeError


@pytest.mark.needs("json")
@pytest.mark.parametrize("role", ["list", "create"])
def test_an_answer_with_an_odd_part_is_read_or_is_an_error_of_the_port(
    bench: Bench, cloud: Cloud, role: str
) -> None:
    spec = bench.make_spec()
    create(cloud, spec)
    cloud.list_instances("ci", deadline=10)
    answer = bench.fake.latest[role]
    changed = list(change(answer.body))
    stride = max(1, len(changed) // MOST)
    for body in changed[::stride]:
        bench.fake.answer(Response(answer.status, body, answer.headers), role=role)
        try:
            if role == "list":
                shown = cloud.list_instances("ci", deadline=10).instances
            else:
                shown = (cloud.create_instance(bench.make_spec(), deadline=10),)
        except CallError as error:
            said, shown = error.message, ()
        else:
            said = "".join(f"{i.name}{i.raw_status}{i.fault}" for i in shown)
        bench.fake.faults.clear()
        assert said.isprintable()
        for each in shown:
            assert each.instance_id
            assert each.meaning in set(Meaning)


def change(body: Any) -> Iterator[Any]:
    """Yield an answer with each of its parts left out, and replaced, one at a time."""
    for path in walk(body):
        for replacement in (..., *REPLACEMENTS):
            made = copy.deepcopy(body)
            inner = made
            for step in path[:-1]:
                inner = inner[step]
            if replacement is ...:
                del inner[path[-1]]
            else:
                inner[path[-1]] = replacement
            yield made


def walk(body: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the paths of all parts."""
    items: Any = body.items() if isinstance(body, dict) else ()
    if isinstance(body, list):
        items = enumerate(body[:1])
    for name, value in items:
        yield (*path, name)
        yield from walk(value, (*path, name))


@pytest.mark.needs("statuses")
def test_each_raw_status_has_its_meaning_and_is_kept(
    bench: Bench, cloud: Cloud
) -> None:
    made = create(cloud, bench.make_spec())
    bench.fake.advance(600.0)
    bench.fake.unchecked = True  # the last two are no statuses of the cloud
    unknown = {"hovering": Meaning.UNCLEAR, "": Meaning.UNCLEAR}
    for raw, meaning in {**bench.statuses, **unknown}.items():
        bench.set_status(made.instance_id, raw or " ")
        (shown,) = cloud.list_instances("ci", deadline=10).instances
        assert shown.raw_status.strip() == raw
        assert shown.meaning is meaning, raw
        # The address of an instance that does not run leads nowhere.
        assert bool(shown.address) is (meaning in {Meaning.BOOTING, Meaning.RUNNING})


@pytest.mark.needs("http")
def test_each_status_of_the_clouds_description_has_a_meaning(bench: Bench) -> None:
    if not bench.statuses_at:
        return  # its description lists none
    need_material(bench.kind)
    checker = load_checker(bench.kind, mounts={}, invents=())
    assert checker is not None
    described = checker.find_enumeration(*bench.statuses_at)
    assert described
    assert described <= set(bench.statuses)
