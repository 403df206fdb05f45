"""What an adapter says when a cloud throttles, fails, hangs, cuts or refuses."""

import pytest

from servers.clouds.base import Meaning
from servers.clouds.port import Cloud
from servers.outgoing.errors import (
    CallError,
    MissingError,
    RefusedError,
    ThrottledError,
    UnknownOutcomeError,
)
from tests.clouds.benches.base import Bench
from tests.clouds.conformance.test_life import create

pytestmark = [pytest.mark.pure, pytest.mark.needs("http")]

STARTED = frozenset({Meaning.BOOTING, Meaning.RUNNING})


def catch(act: object) -> CallError:
    """Return the error of the port that a call raises."""
    assert callable(act)
    with pytest.raises(CallError) as raised:
        act()
    return raised.value


@pytest.mark.parametrize("seconds", [None, 7])
def test_a_throttled_call_has_no_effect_and_says_when_to_repeat_it(
    bench: Bench, cloud: Cloud, seconds: int | None
) -> None:
    made = create(cloud, bench.make_spec())
    for role, act in (
        ("create", lambda: cloud.create_instance(bench.make_spec(), deadline=10)),
        ("list", lambda: cloud.list_instances("ci", deadline=10)),
        ("destroy", lambda: cloud.destroy_instance(made.instance_id, deadline=10)),
    ):
        bench.fake.throttle(role=role, retry_after=seconds)
        error = catch(act)
        assert type(error) is ThrottledError, role
        if seconds is not None:
            assert error.retry_after == seconds
    assert bench.count_live() == [made.key]
    assert cloud.get_instance(made.instance_id, deadline=10).meaning in STARTED


@pytest.mark.parametrize("html", [False, True])
@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_a_failing_cloud_leaves_the_outcome_unknown(
    bench: Bench, cloud: Cloud, status: int, *, html: bool
) -> None:
    spec = bench.make_spec()
    since = len(bench.fake.seen)
    bench.fake.fail(role="create", status=status, html=html, after=True)
    error = catch(lambda: cloud.create_instance(spec, deadline=10))
    assert type(error) is UnknownOutcomeError
    # It was sent once, and had its effect.
    assert [each.role for each in bench.fake.seen[since:]].count("create") == 1
    (found,) = cloud.find_instances(spec.key, deadline=10)
    for role, act in (
        ("list", lambda: cloud.list_instances("ci", deadline=10)),
        (bench.find_role, lambda: cloud.find_instances(spec.key, deadline=10)),
        ("destroy", lambda: cloud.destroy_instance(found.instance_id, deadline=10)),
    ):
        bench.fake.fail(role=role, status=status, html=html)
        assert type(catch(act)) is UnknownOutcomeError, role


@pytest.mark.parametrize("after", [False, True])
def test_a_call_that_is_not_answered_is_sent_once_and_may_have_had_its_effect(
    bench: Bench, cloud: Cloud, *, after: bool
) -> None:
    spec = bench.make_spec()
    create(cloud, bench.make_spec())  # what is looked up once is known
    since = len(bench.fake.seen)
    bench.fake.hang(role="create", after=after)
    error = catch(lambda: cloud.create_instance(spec, deadline=0.5))
    assert type(error) is UnknownOutcomeError
    assert [each.role for each in bench.fake.seen[since:]].count("create") == 1
    # The look-up that follows a silence tells which it was.
    found = cloud.find_instances(spec.key, deadline=10)
    assert [each.key for each in found] == ([spec.key] if after else [])


def test_an_answer_that_is_cut_off_is_no_answer(bench: Bench, cloud: Cloud) -> None:
    spec = bench.make_spec()
    bench.fake.cut(role="create")
    error = catch(lambda: cloud.create_instance(spec, deadline=10))
    assert type(error) is UnknownOutcomeError
    bench.fake.cut(role="list")
    assert (
        type(catch(lambda: cloud.list_instances("ci", deadline=10)))
        is UnknownOutcomeError
    )
    (found,) = cloud.find_instances(spec.key, deadline=10)
    assert found.key == spec.key


def test_no_capacity_is_told_from_other_refusals(bench: Bench, cloud: Cloud) -> None:
    bench.fake.no_capacity = 1
    spec = bench.make_spec()
    if not bench.late_capacity:
        error = catch(lambda: cloud.create_instance(spec, deadline=10))
        assert type(error) is bench.errors["no_capacity"]
        assert bench.count_live() == []
        return
    made = cloud.create_instance(spec, deadline=10)
    bench.fake.advance(600.0)
    if cloud.finishes:
        error = catch(lambda: cloud.finish(made, spec, deadline=10))
        assert type(error) is bench.errors["no_capacity"]
    try:
        shown = cloud.get_instance(made.instance_id, deadline=10)
    except MissingError:
        return
    assert shown.meaning is Meaning.FAILED
    assert shown.fault


@pytest.mark.parametrize("why", ["quota", "bad_image"])
def test_a_refused_create_says_why_and_creates_nothing(
    bench: Bench, cloud: Cloud, why: str
) -> None:
    image = bench.image
    if why == "quota":
        bench.fake.quota = 1
    else:
        image = bench.bad_image
    spec = bench.make_spec(image=image)
    error = catch(lambda: cloud.create_instance(spec, deadline=10))
    assert type(error) is bench.errors[why]
    assert error.message
    assert bench.count_live() == []


@pytest.mark.needs("protected")
def test_a_protected_instance_is_refused_and_stays(bench: Bench, cloud: Cloud) -> None:
    made = create(cloud, bench.make_spec())
    bench.protect(made.instance_id)
    error = catch(lambda: cloud.destroy_instance(made.instance_id, deadline=10))
    assert isinstance(error, RefusedError)
    assert "protect" in error.message.lower()
    assert cloud.get_instance(made.instance_id, deadline=10).meaning in STARTED


def test_bad_and_forbidden_credentials_are_told_apart_in_words(bench: Bench) -> None:
    cloud, stranger = bench.open(), bench.open("nobody")
    spec = bench.make_spec()
    made = create(cloud, spec)
    said = set()
    for act in (
        lambda: stranger.create_instance(spec, deadline=10),
        lambda: stranger.list_instances("ci", deadline=10),
        lambda: stranger.find_instances(spec.key, deadline=10),
        lambda: stranger.get_instance(made.instance_id, deadline=10),
        lambda: stranger.destroy_instance(made.instance_id, deadline=10),
    ):
        error = catch(act)
        assert type(error) is bench.errors["unauthorized"]
        said.add(error.message)
    assert len(said) == 1
    bench.fake.forbidden["token-one"] = {"create", "destroy"}
    for act in (
        lambda: cloud.create_instance(bench.make_spec(), deadline=10),
        lambda: cloud.destroy_instance(made.instance_id, deadline=10),
    ):
        error = catch(act)
        assert type(error) is bench.errors["forbidden"]
        assert error.message not in said
    assert cloud.list_instances("ci", deadline=10).instances
    assert bench.count_live() == [spec.key]


@pytest.mark.needs("expiry")
def test_expired_credentials_are_told_from_unknown_ones(bench: Bench) -> None:
    cloud = bench.open()
    create(cloud, bench.make_spec())
    bench.fake.expired.add("token-one")
    error = catch(lambda: cloud.list_instances("ci", deadline=10))
    assert type(error) is bench.errors["expired"]
    assert "expired" in error.message.lower()
    stranger = catch(lambda: bench.open("nobody").list_instances("ci", deadline=10))
    assert "expired" not in stranger.message.lower()
