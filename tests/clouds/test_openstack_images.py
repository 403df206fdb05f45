"""OpenStack's images: by rule and by id."""

from collections.abc import Iterator
from uuid import UUID

import pytest

from servers.clouds.catalogue import ImageQuery
from servers.clouds.images import check_image, read_rule, resolve_rule
from servers.clouds.openstack.launch import CAPABILITIES
from servers.clouds.port import FindsImages
from tests.clouds.benches.openstack import OpenStackBench
from tests.clouds.fakes.openstack_offers import (
    ADMIN_PROJECT,
    HIDDEN_ID,
    IMAGE_ID,
    OLD_OWN_ID,
    OWN_ID,
    OWN_PROJECT,
    QUEUED_ID,
)
from tests.clouds.fakes.wire import Response

pytestmark = pytest.mark.pure


@pytest.fixture
def bench() -> Iterator[OpenStackBench]:
    made = OpenStackBench()
    with made.run():
        yield made


def test_images_by_rule_are_those_of_a_project_or_public_ones(
    bench: OpenStackBench,
) -> None:
    cloud = bench.open()
    assert isinstance(cloud, FindsImages)

    def find(rule: str) -> set[str]:
        assert not check_image(rule, CAPABILITIES)
        found = cloud.find_images(read_rule(rule), deadline=5)
        return {each.image_id for each in found}

    assert find("newest:self/builder-*") == {OWN_ID, OLD_OWN_ID}
    assert find(f"newest:{OWN_PROJECT}/builder-7") == {OWN_ID}
    dashed = str(UUID(OWN_PROJECT))
    assert check_image(f"newest:{dashed}/builder-7", CAPABILITIES) == ""
    assert find("newest:public/ubuntu-*") == {IMAGE_ID}
    assert find(f"newest:{ADMIN_PROJECT}/ubuntu-24*") == {IMAGE_ID}
    assert find("newest:public/builder-*") == set()  # a name alone is not enough
    assert find("newest:self/snap-*") == set()
    newest = resolve_rule(cloud, CAPABILITIES, "newest:self/builder-*", deadline=5)
    assert newest.image_id == OWN_ID
    for wrong in ("newest:anyone/x", "newest:/x", "newest:shared/x"):
        assert "self, public or a project's id" in check_image(wrong, CAPABILITIES)


def test_an_image_that_lists_hide_is_found_by_its_id(bench: OpenStackBench) -> None:
    cloud = bench.open()
    assert isinstance(cloud, FindsImages)
    listed = {each.image_id for each in cloud.catalogue(deadline=5).images}
    assert HIDDEN_ID not in listed
    asked = (HIDDEN_ID, IMAGE_ID, QUEUED_ID, bench.bad_image, "../flavors", "")
    found = cloud.find_images(ImageQuery(ids=asked), deadline=5)
    assert {each.image_id for each in found} == {HIDDEN_ID, IMAGE_ID}


def test_images_of_another_owner_are_left_out_if_the_cloud_ignores_the_filter(
    bench: OpenStackBench,
) -> None:
    cloud = bench.open()
    assert isinstance(cloud, FindsImages)
    cloud.fetch_identity(deadline=5)
    strange = {
        "id": OWN_ID,
        "name": "builder-9",
        "status": "active",
        "owner": ADMIN_PROJECT,
        "visibility": "shared",
    }
    for owner in ("self", "public"):
        bench.fake.answer(Response(200, {"images": [strange]}))
        query = ImageQuery(owner=owner, pattern="builder-*")
        assert cloud.find_images(query, deadline=5) == ()
