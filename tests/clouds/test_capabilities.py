"""What each kind of cloud can do: said once, and kept by its adapter."""

import base64

import pytest

from servers.clouds.amazon.launch import build_run_params
from servers.clouds.capabilities import Capabilities, TagRules
from servers.clouds.registry import describe_kind, list_kinds
from servers.outgoing.errors import RefusedError
from tests.clouds.test_amazon import spec_of

pytestmark = pytest.mark.pure


@pytest.mark.parametrize("kind", [kind.name for kind in list_kinds()])
def test_every_kind_leaves_room_for_our_own_tags(kind: str) -> None:
    # Fleet, server and key; where tags outlive an instance, the name has the last two.
    least = 1 if kind in {"digitalocean", "linode"} else 3
    assert describe_kind(kind).capabilities.tags.own >= least


def test_amazons_launch_keeps_what_its_capabilities_say() -> None:
    can = describe_kind("amazon").capabilities
    longest = "ü" * (can.user_data_bytes // 2)
    sent = build_run_params(spec_of(user_data=longest), {})
    plain = base64.b64decode(sent["UserData"]).decode()
    assert (plain == longest) is can.user_data_in_base64
    with pytest.raises(RefusedError, match=f"accepts at most {can.user_data_bytes}"):
        build_run_params(spec_of(user_data=longest + "a"), {})
    assert (sent["ClientToken"] == "token-1") is can.idempotency_token
    ends = sent["InstanceInitiatedShutdownBehavior"] == "terminate"
    assert ends is can.stopping_ends
    spot = build_run_params(spec_of(spot=True), {})
    market = ("InstanceMarketOptions.MarketType", "spot")
    assert can.spot is (market in spot.items() - sent.items())


def test_labels_fill_amazons_tags_to_the_last_one() -> None:
    tags = describe_kind("amazon").capabilities.tags
    labels = {f"label-{number}": "x" for number in range(tags.most - tags.own)}
    assert not tags.check(labels, {})
    sent = build_run_params(spec_of(labels=labels), {})
    names = [name for name in sent if name.startswith("TagSpecification.1.Tag.")]
    assert len(names) == 2 * tags.most
    said = tags.check(labels, {"address": "private"})
    assert f"at most {len(labels) - 1}" in said


def test_a_cloud_may_allow_less_in_a_tag_than_a_label_has() -> None:
    rules = TagRules(name="[a-z-]{1,5}", value="[a-z]{0,3}")
    assert rules.check({"team": "abc"}, {}) == ""
    assert "'Team'" in rules.check({"Team": "abc"}, {})
    assert "'abcd'" in rules.check({"team": "abcd"}, {})
    both = TagRules(flat=".{3,9}")
    assert both.check({"team": "abcd"}, {}) == ""
    assert "'team:abcde'" in both.check({"team": "abcde"}, {})
    assert "'t:'" in both.check({"t": ""}, {})


def test_without_a_limit_any_user_data_is_taken() -> None:
    assert not Capabilities().check_user_data(100_000)
