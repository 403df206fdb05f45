"""Checks before a create, and the catalogue: nothing is created or destroyed."""

import contextlib

import pytest

from servers.clouds.catalogue import ImageQuery, sort_quotas
from servers.clouds.port import Cloud, FindsImages, TellsQuotas
from servers.clouds.registry import describe_kind
from servers.outgoing.errors import (
    CallError,
    CredentialsError,
    RefusedError,
    ThrottledError,
    UnknownOutcomeError,
    UnreachableError,
)
from tests.clouds.benches.base import Bench
from tests.clouds.conformance.test_life import create
from tests.clouds.fakes.faults import NO_REQUEST

pytestmark = pytest.mark.pure


def test_a_check_creates_nothing_and_destroys_nothing(
    bench: Bench, cloud: Cloud
) -> None:
    made = create(cloud, bench.make_spec())
    asked = bench.make_spec(name="agent-2")
    for sentence in cloud.check_create(asked, deadline=30):
        assert sentence.endswith(".")
    cloud.check_destroy(deadline=10)
    assert bench.count_live() == [made.key]
    assert cloud.get_instance(made.instance_id, deadline=10).live
    assert cloud.find_instances(asked.key, deadline=10) == []
    # A check uses nothing up.
    assert cloud.create_instance(asked, deadline=10).key == asked.key


@pytest.mark.parametrize("field", ["image", "size"])
def test_a_check_names_the_image_or_size_that_does_not_exist(
    bench: Bench, cloud: Cloud, field: str
) -> None:
    wrong = {"image": bench.bad_image, "size": bench.bad_size}[field]
    spec = bench.make_spec(**{field: wrong})
    with pytest.raises(RefusedError) as raised:
        cloud.check_create(spec, deadline=30)
    assert type(raised.value) is RefusedError
    assert wrong in raised.value.message
    assert raised.value.about == field
    assert bench.count_live() == []


@pytest.mark.needs("http")
def test_a_check_says_that_credentials_are_wrong_or_may_not(bench: Bench) -> None:
    with pytest.raises(CredentialsError):
        bench.open("nobody").check_create(bench.make_spec(), deadline=30)
    with pytest.raises(CredentialsError):
        bench.open("nobody").check_destroy(deadline=10)
    bench.fake.forbidden["token-one"] = {"create", "destroy"}
    cloud = bench.open()
    if "check_rights" not in bench.lacks:
        with pytest.raises(CredentialsError):
            cloud.check_destroy(deadline=10)
    if "check_create_rights" not in bench.lacks:
        with pytest.raises(CredentialsError):
            cloud.check_create(bench.make_spec(), deadline=30)


@pytest.mark.needs("http")
def test_a_check_tells_what_else_forbids_destroying(bench: Bench, cloud: Cloud) -> None:
    for why in {"quota", "protected", "forbidden"} - bench.lacks.keys():
        refused = bench.fake.refuse(why, NO_REQUEST)
        bench.fake.answer(refused, role="destroy")
        with pytest.raises(RefusedError) as raised:
            cloud.check_destroy(deadline=10)
        assert type(raised.value) is bench.errors[why], why


@pytest.mark.needs("http")
def test_a_check_that_is_not_answered_has_learned_nothing(
    bench: Bench, cloud: Cloud
) -> None:
    for act in (
        lambda: cloud.check_create(bench.make_spec(), deadline=30),
        lambda: cloud.check_destroy(deadline=10),
    ):
        for wanted, fault in (
            ({ThrottledError}, bench.fake.throttle),
            # The second where something else had to be asked for first.
            ({UnknownOutcomeError, UnreachableError}, bench.fake.fail),
        ):
            fault(100)
            with pytest.raises(CallError) as raised:
                act()
            assert type(raised.value) in wanted
            bench.fake.faults.clear()


def test_the_catalogue_names_what_a_create_takes(bench: Bench, cloud: Cloud) -> None:
    if not describe_kind(bench.kind).capabilities.catalogue:
        return
    offered = cloud.catalogue(deadline=30)
    assert offered.gaps == ()
    sizes = {size.name: size for size in offered.sizes}
    assert len(sizes) == len(offered.sizes)
    size = sizes[bench.size]
    if "offers" not in bench.lacks:
        assert bench.region in offered.regions
        assert size.cores
        assert size.memory_mib
    assert (size.price_per_hour is None) is (not size.currency)
    images = [image.image_id for image in offered.images]
    assert images
    made = create(cloud, bench.make_spec(image=images[0]))
    assert made.live


@pytest.mark.needs("gaps")
def test_a_catalogue_never_leaves_a_list_out_unsaid(bench: Bench, cloud: Cloud) -> None:
    if not describe_kind(bench.kind).capabilities.catalogue:
        return
    whole = cloud.catalogue(deadline=30)
    since = len(bench.fake.seen)
    cloud.catalogue(deadline=30)
    calls = len(bench.fake.seen) - since
    for number in range(calls):
        bench.fake.fail(skip=number)
        with contextlib.suppress(UnknownOutcomeError):
            assert cloud.catalogue(deadline=30).images == whole.images
        bench.fake.faults.clear()


def test_quotas_are_told_scarcest_first_or_the_reason_why_not(
    bench: Bench, cloud: Cloud
) -> None:
    if not isinstance(cloud, TellsQuotas):
        return
    create(cloud, bench.make_spec())
    since = len(bench.fake.seen) if "http" not in bench.lacks else 0
    quotas = cloud.list_quotas(deadline=30)
    assert len(quotas) <= 10
    for quota in quotas:
        assert quota.name
        assert quota.unit
        assert quota.limit >= 0
        assert quota.used is None or quota.used >= 0
    assert quotas == sort_quotas(quotas)
    if "http" in bench.lacks:
        return
    if len(bench.fake.seen) == since:
        assert quotas == ()  # EC2 tells none at an endpoint that is not AWS's
        return
    for wanted, fault in (
        (ThrottledError, bench.fake.throttle),
        (UnknownOutcomeError, bench.fake.fail),
    ):
        fault(100)
        with pytest.raises(CallError) as raised:
            cloud.list_quotas(deadline=30)
        assert type(raised.value) is wanted
        bench.fake.faults.clear()


def test_an_image_is_found_by_its_id_and_a_missing_one_is_not(
    bench: Bench, cloud: Cloud
) -> None:
    if not isinstance(cloud, FindsImages):
        return
    wanted = bench.image
    if "gaps" not in bench.lacks:
        offered = {each.image_id for each in cloud.catalogue(deadline=30).images}
        wanted = min(offered)
    query = ImageQuery(ids=(wanted, bench.bad_image))
    found = {each.image_id for each in cloud.find_images(query, deadline=30)}
    assert found == {wanted}
    assert cloud.find_images(ImageQuery(ids=(bench.bad_image,)), deadline=30) == ()
    bench.fake.fail(100)
    with pytest.raises(UnknownOutcomeError):
        cloud.find_images(query, deadline=30)
