"""Each status that a cloud can show has a meaning that the engine knows."""

from xml.etree import ElementTree

import pytest

from servers.clouds.amazon import convert as amazon
from servers.clouds.amazon.launch import build_run_params
from servers.clouds.base import HALTED, Meaning
from servers.clouds.sandbox import adapter as sandbox
from servers.clouds.sandbox.driver import _STATES
from tests.clouds.test_amazon import spec_of

pytestmark = pytest.mark.pure


def show(status: str) -> ElementTree.Element:
    return ElementTree.fromstring(
        "<item><instanceId>i-1</instanceId>"
        f"<instanceState><name>{status}</name></instanceState>"
        "<privateIpAddress>10.0.0.1</privateIpAddress></item>"
    )


def test_ec2_has_a_meaning_for_each_status_that_its_api_names() -> None:
    # The EC2 API Reference, "InstanceState".
    assert set(amazon.STATUSES) == {
        "pending",
        "running",
        "shutting-down",
        "terminated",
        "stopping",
        "stopped",
    }


@pytest.mark.parametrize(
    ("status", "meaning"),
    [
        ("pending", Meaning.BOOTING),
        ("running", Meaning.RUNNING),
        ("shutting-down", Meaning.ENDING),
        ("stopping", Meaning.STOPPED),
        ("stopped", Meaning.STOPPED),
        ("terminated", Meaning.GONE),
        ("hibernating-in-orbit", Meaning.UNCLEAR),
        ("", Meaning.UNCLEAR),
    ],
)
def test_what_ec2_shows_is_read_by_its_status(status: str, meaning: Meaning) -> None:
    shown = amazon.show_instance(show(status), "")
    assert (shown.raw_status, shown.meaning) == (status, meaning)
    assert shown.live is (meaning is not Meaning.GONE)
    # The address of a machine that does not run leads nowhere.
    runs = meaning not in HALTED | {Meaning.GONE}
    assert shown.address == ("10.0.0.1" if runs else "")


def test_the_sandbox_has_a_meaning_for_each_of_its_statuses() -> None:
    assert set(sandbox.STATUSES) == set(_STATES)
    assert set(sandbox.STATUSES.values()) == set(Meaning) - {Meaning.UNCLEAR}


def test_a_machine_that_shuts_itself_down_ends_at_ec2() -> None:
    params = build_run_params(spec_of(), {})
    assert params["InstanceInitiatedShutdownBehavior"] == "terminate"
