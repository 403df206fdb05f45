"""What a create call carries: tags, labels, user data."""

import gzip

import pytest

from servers.clouds.base import FLEET_TAG, KEY_TAG, SERVER_TAG
from servers.clouds.port import Cloud
from servers.clouds.registry import describe_kind
from servers.outgoing.errors import CallError, RefusedError
from tests.clouds.benches.base import Bench
from tests.clouds.conformance.test_life import create

pytestmark = pytest.mark.pure

ODD_LABELS = (
    {"Team": "Builds"},
    {"team.name": "a_b-c.d"},
    {"team": ""},
    {"team": "two words"},
    {"équipe": "größe"},
    {"a:b": "c@d+e=f"},
    {"team/x": "y/z"},
    {"team": "<b>&\"'%?#,;|\\"},
    {"a" * 60: "b" * 60},
    {"team": "-"},
    {"url": "https://example.com/?a=b&c=d"},
)


def test_an_instance_carries_the_fleets_tags_and_the_labels(
    bench: Bench, cloud: Cloud
) -> None:
    spec = bench.make_spec()
    made = create(cloud, spec)
    tags = bench.labels_of(made.instance_id)
    wanted = {FLEET_TAG: "ci", SERVER_TAG: spec.server_id, KEY_TAG: spec.key}
    for name, value in {**wanted, **bench.labels}.items():
        # A cloud whose tags are too short for one of them carries it another way.
        assert tags.get(name, value) == value
    assert tags[FLEET_TAG] == "ci"


def test_odd_labels_arrive_as_they_are_or_are_refused_when_they_are_entered(
    bench: Bench, cloud: Cloud
) -> None:
    rules = describe_kind(bench.kind).capabilities.tags
    taken = 0
    for labels in ODD_LABELS:
        spec = bench.make_spec(labels=labels)
        if rules.check(labels, {}):
            continue
        taken += 1
        made = create(cloud, spec)
        (found,) = cloud.find_instances(spec.key, deadline=10)
        assert found.instance_id == made.instance_id
        tags = bench.labels_of(made.instance_id)
        assert {name: tags.get(name) for name in labels} == labels
    assert taken
    assert len(cloud.list_instances("ci", deadline=10).instances) == taken


@pytest.mark.parametrize("name", ["a", "agent-1", "a" * 63, "0-9", "xn--bcher-kva"])
def test_a_servers_name_is_shown_whole(bench: Bench, cloud: Cloud, name: str) -> None:
    spec = bench.make_spec(name=name)
    made = create(cloud, spec)
    (listed,) = cloud.list_instances("ci", deadline=10).instances
    assert {made.name, listed.name} == {bench.name_of(spec)}


@pytest.mark.needs("http", "limits")
def test_user_data_at_its_limit_arrives_and_one_byte_more_is_refused_unsent(
    bench: Bench, cloud: Cloud
) -> None:
    most = describe_kind(bench.kind).capabilities.user_data_bytes
    assert most
    # Bytes count, not characters, and each has to arrive.
    head = "#cloud-config\n# ä€\t\"'\\{}<>&%\n"
    text = head + "x" * (most - len(head.encode()))
    made = create(cloud, bench.make_spec(user_data=text))
    assert bench.user_data_of(made.instance_id) == text.encode()
    since = len(bench.fake.seen)
    with pytest.raises(RefusedError) as raised:
        cloud.create_instance(bench.make_spec(user_data=f"{text}x"), deadline=10)
    assert str(most) in raised.value.message
    assert len(bench.fake.seen) == since


@pytest.mark.needs("http", "limits")
def test_user_data_that_is_too_long_is_compressed_where_cloud_and_image_allow_it(
    bench: Bench, cloud: Cloud
) -> None:
    can = describe_kind(bench.kind).capabilities
    text = "#!/bin/sh\n" + "true\n" * can.user_data_bytes
    spec = bench.make_spec(user_data=text, compresses=True)
    if not can.user_data_gzip:
        with pytest.raises(RefusedError):
            cloud.create_instance(spec, deadline=10)
        return
    made = create(cloud, spec)
    assert gzip.decompress(bench.user_data_of(made.instance_id)).decode() == text


@pytest.mark.needs("http", "limits")
def test_an_invalid_stored_option_is_refused_before_anything_is_sent(
    bench: Bench,
) -> None:
    kind = describe_kind(bench.kind)
    for field in kind.placement_options:
        cloud = bench.open()
        since = len(bench.fake.seen)
        spec = bench.make_spec(options={field.name: {"no": "value"}})
        if field.shape is not None:
            continue
        with pytest.raises(RefusedError) as raised:
            cloud.create_instance(spec, deadline=10)
        assert field.name in raised.value.message
        assert len(bench.fake.seen) == since


@pytest.mark.needs("http", "limits")
def test_an_error_of_a_create_holds_no_user_data(bench: Bench, cloud: Cloud) -> None:
    secret = "s3cret-in-user-data"
    for why in ("bad_image", "quota"):
        if why == "quota":
            bench.fake.quota = 1
        image = bench.bad_image if why == "bad_image" else bench.image
        spec = bench.make_spec(user_data=f"#!/bin/sh\n{secret}", image=image)
        with pytest.raises(CallError) as raised:
            cloud.create_instance(spec, deadline=10)
        assert secret not in repr(raised.value) + repr(spec)


def test_a_spot_instance_is_not_sold_as_another(bench: Bench, cloud: Cloud) -> None:
    spec = bench.make_spec(spot=True)
    if describe_kind(bench.kind).capabilities.spot:
        assert create(cloud, spec).live
        return
    with pytest.raises(RefusedError) as raised:
        cloud.create_instance(spec, deadline=10)
    assert "spot" in raised.value.message.lower()
    assert bench.count_live() == []
