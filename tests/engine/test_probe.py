"""The test of an account or template says what works and what to do."""

import json
import time
from typing import Any

import pytest

from servers.models import Account, Location, Template
from servers.operations import account_test, visits
from servers.operations.account_test import probe_account, probe_template
from servers.operations.fleet import initialise_fleet
from servers.operations.visits import Finding
from servers.placing.locations import ensure_location, open_location
from tests.clouds.test_amazon import answering, error_of, spec_of
from tests.clouds.test_checks import ALL_WELL, DENIED
from tests.exactly_once.clouds import REGION, make_moto
from tests.outgoing.test_deadline import DEADLINE, hang, serving
from tests.support.fleet import (
    QUICK,
    change_template,
    make_fleet,
    make_template,
    place,
    world_of,
)
from tests.support.moto import reset_moto

pytestmark = pytest.mark.django_db(transaction=True)


LISTING = (
    "<r><reservationSet/><securityGroupInfo><item><ownerId>1234</ownerId></item>"
    "</securityGroupInfo></r>"
)


def messages(findings: list[Finding]) -> str:
    return "\n".join(finding.message for finding in findings)


def test_a_working_account_gets_a_finding_for_each_check() -> None:
    account = make_fleet()
    findings = probe_account(account)
    told = [(each.check, each.outcome, each.message) for each in findings]
    identity = world_of(account).identity()
    assert told == [
        ("reach", "works", "The cloud answers."),
        (
            "credentials",
            "works",
            f"The credentials are accepted. They belong to {identity}.",
        ),
        ("list", "works", "The listing works and shows 0 instances of this fleet."),
        ("quota", "works", "The cloud tells no limit."),
        ("image", "works", "The image ubuntu-24.04 exists."),
        ("size", "works", "The size small exists."),
        ("network", "works", "default: its network settings are accepted."),
        ("tags", "works", "default: its labels may become tags."),
        ("create", "works", "default: creating ubuntu-24.04 on small is allowed."),
        ("destroy", "works", "These credentials may destroy instances."),
    ]
    assert world_of(account).live(time.time()) == []


@pytest.mark.parametrize(
    ("options", "check", "words"),
    [
        (
            {"images": ["debian-12"]},
            "image",
            "image ubuntu-24.04. Correct the",
        ),
        ({"sizes": ["large"]}, "size", "There is no size small. Correct the template."),
        (
            {"denied": ["create"]},
            "create",
            "Allow these credentials to create such instances.",
        ),
        (
            {"denied": ["destroy"]},
            "destroy",
            "Allow these credentials to destroy instances.",
        ),
        ({"denied": ["list"]}, "list", "allow them to list instances."),
        ({"denied": ["identity"]}, "credentials", "Correct the credentials"),
        ({"no_capacity": ["small"]}, "create", "Choose another size or region"),
        ({"faults": {"throttled": 1}}, "reach", "Too many calls. Test again."),
    ],
)
def test_a_failed_check_says_what_to_do(
    options: dict[str, Any], check: str, words: str
) -> None:
    findings = probe_account(make_fleet(**options))
    (broken,) = [finding for finding in findings if finding.outcome == "fails"]
    assert broken.check == check
    assert words in broken.message


def test_what_is_left_of_a_quota_is_told() -> None:
    account = make_fleet(quota=2)

    def ask() -> Finding:
        (found,) = [each for each in probe_account(account) if each.check == "quota"]
        return found

    assert ask().message == "Instances: 0 of 2 instances are used, so 2 are left."
    cloud = open_location(account, "")
    for number in range(2):
        cloud.create_instance(
            spec_of(image="debian-12", size="small", name=f"n{number}"), deadline=5
        )
    full = ask()
    assert (full.outcome, full.is_refusal) == ("fails", False)
    assert "so 0 are left. Request a higher quota" in full.message


def test_an_account_is_tested_before_it_is_saved() -> None:
    initialise_fleet(fleet_id="ci")
    account = Account(
        name="new",
        kind="sandbox",
        credentials=json.dumps({"token": "ключ"}),
        options={**QUICK, "expected_token": "ключ"},
    )
    findings = probe_account(account)
    outcomes = [finding.outcome for finding in findings]
    assert outcomes == [*["works"] * 4, "untested", "works"], messages(findings)
    assert "Creating was not tested, because no template" in findings[4].message
    account.credentials = json.dumps({"token": "wrong"})
    reached, finding, untested = probe_account(account)
    assert (reached.check, reached.outcome) == ("reach", "works")
    assert (finding.outcome, untested.outcome) == ("fails", "untested")
    assert untested.message.startswith("Creating and destroying were not tested")
    assert "not valid. Correct the credentials" in finding.message
    assert not Account.objects.exists()
    assert not Location.objects.exists()


def test_wrong_settings_are_reported_before_any_call() -> None:
    initialise_fleet(fleet_id="ci")
    account = Account(name="new", kind="amazon", region=REGION, endpoint="file:///x")
    (finding,) = probe_account(account)
    assert not finding.works
    assert "Access key id is missing." in finding.message
    assert "Use a URL" in finding.message
    (finding,) = probe_account(Account(name="new", kind="moon"))
    assert "Use one of amazon" in finding.message


def test_changed_credentials_are_tested_with_the_saved_templates() -> None:
    account = make_fleet(expected_token="right")
    account.credentials = json.dumps({"token": "right"})
    findings = probe_account(account)
    assert "The image ubuntu-24.04 exists." in messages(findings)
    assert all(finding.works for finding in findings)


def test_another_identity_is_reported_and_ends_the_test() -> None:
    account = make_fleet()
    account.identity = "sandbox-other"
    (finding,) = [each for each in probe_account(account) if each.outcome == "fails"]
    assert finding.check == "credentials"
    assert "belong to a different account" in finding.message


def test_a_template_is_tested_in_each_of_its_locations() -> None:
    account = make_fleet(no_capacity=["south/*"])
    template = Template.objects.get()
    first = {"account": account, "image": "ubuntu-24.04", "size": "small"}
    placements = place(first, [{"region": "south"}, {"size": "colossal"}])
    findings = probe_template(template, placements)  # unsaved
    full, unknown = [each for each in findings if each.outcome == "fails"]
    assert findings[0].works
    assert (full.region, full.works) == ("south", False)
    assert "No capacity for size small in south." in full.message
    assert "no size colossal" in unknown.message
    assert world_of(account).live(time.time()) == []


def test_the_number_of_tested_locations_is_limited() -> None:
    account = make_fleet()
    for number in range(8):
        ensure_location(account, f"region-{number}")
        make_template(account, f"t{number}", image="debian-12", size="large")
    template = change_template(
        fallbacks=[{"region": f"region-{number}"} for number in range(8)]
    )
    findings = probe_account(account)
    asked = {finding.region for finding in findings}
    assert len(asked) == account_test.MAX_REGIONS
    created = [each for each in findings if each.check == "create"]
    assert 0 < sum(each.works for each in created) <= account_test.MAX_PLACES
    outcomes = [
        finding.outcome
        for finding in probe_template(template, list(template.placements.all()))
        if finding.check in {"create", ""}
    ]
    assert outcomes == ["works"] * account_test.MAX_PLACES + ["untested"] * 4


def test_a_region_without_time_left_is_reported_and_not_tested(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(account_test, "MAX_SECONDS_IN_ALL", 0.0)
    account = make_fleet()
    ensure_location(account, "north")
    findings = [found for found in probe_account(account) if found.tested]
    assert {finding.check for finding in findings} == {"reach"}
    assert [finding.region for finding in findings] == ["", "north"]
    assert {finding.message for finding in findings} == {
        "The test ran out of time. Test again."
    }
    assert world_of(account).calls() == []


def test_a_hanging_cloud_does_not_block_the_page(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(visits, "MAX_SECONDS", 1.0)
    with serving(hang) as url:
        account = make_moto(url).account
        account.options = {}  # whose call may take a minute
        started = time.monotonic()
        finding, _ = probe_account(account)
        assert time.monotonic() - started < DEADLINE * 8
    assert "no reliable answer" in finding.message
    assert finding.message.endswith("Test again.")


def test_a_call_without_answer_ends_the_test_of_its_region() -> None:
    busy = {**ALL_WELL, "RunInstances": (503, error_of("RequestLimitExceeded"))}
    with answering(200, LISTING, **busy) as (url, seen):
        *before, creating, destroying = probe_account(make_moto(url).account)
    assert [each.check for each in before] == ["reach", "credentials", "list", "quota"]
    assert all(each.works for each in before)
    assert (destroying.outcome, destroying.works) == ("untested", False)
    assert destroying.message == (
        "Destroying was not tested, because the previous call got no answer."
    )
    assert creating.message.startswith("default: ")
    assert creating.message.endswith("Test again.")
    assert seen[-1]["Action"] == ["RunInstances"]


def test_an_account_at_ec2_is_tested_by_dry_runs(moto_url: str) -> None:
    reset_moto(moto_url)
    bench = make_moto(moto_url)
    bench.account.options = {}  # patient while the server warms up
    findings = probe_account(bench.account)
    assert not [each for each in findings if each.outcome == "fails"]
    assert "default: creating ami-12c6146b on t3.micro is" in messages(findings)
    assert not bench.live()
    template = Template.objects.get()
    placement = template.placements.get()
    placement.account.options = {}
    placement.image = "ami-00000000000000001"
    finding, untested = probe_template(template, [placement])
    assert (finding.check, finding.outcome) == ("image", "fails")
    assert "creating was not tested, because its image failed" in untested.message
    assert "ami-00000000000000001" in finding.message
    assert "Correct the template." in finding.message


def test_missing_rights_at_ec2_are_named_and_no_secret_is() -> None:
    denied = {**ALL_WELL, "RunInstances": DENIED, "TerminateInstances": DENIED}
    with answering(200, LISTING, **denied) as (url, _):
        findings = probe_account(make_moto(url).account)
    _, credentials, _, _, creating, destroying = findings
    assert credentials.message.endswith("They belong to 1234.")
    assert "UnauthorizedOperation" in creating.message
    assert "Allow these credentials to create" in creating.message
    assert "Allow these credentials to destroy" in destroying.message
    assert "made-up" not in messages(findings)


def test_what_forbids_destroying_and_is_no_missing_right_is_told_as_such() -> None:
    refused = (400, error_of("OperationNotPermitted"))
    with answering(200, LISTING, **ALL_WELL | {"TerminateInstances": refused}) as (
        url,
        _,
    ):
        *_, destroying = probe_account(make_moto(url).account)
    assert (destroying.check, destroying.outcome) == ("destroy", "fails")
    assert "As long as it is refused, servers are not" in destroying.message
    assert "Allow these credentials" not in destroying.message


def test_lookups_that_a_policy_denies_are_reported_as_not_tested() -> None:
    denied = {**ALL_WELL, "DescribeImages": DENIED, "DescribeInstanceTypes": DENIED}
    with answering(200, LISTING, **denied) as (url, _):
        findings = probe_account(make_moto(url).account)
    told = {each.check: each for each in findings}
    outcomes = {name: each.outcome for name, each in told.items()}
    assert (outcomes["image"], outcomes["size"]) == ("untested", "untested")
    assert (outcomes["network"], outcomes["create"]) == ("works", "works")
    image, size = told["image"], told["size"]
    assert "may not call DescribeImages" in image.message
    assert "may not call DescribeInstanceTypes" in size.message


def test_a_policy_that_forbids_tags_is_told_apart() -> None:
    message = "is not authorized to perform: ec2:CreateTags on resource: *"
    words = "The words of UnauthorizedOperation."
    denied = (403, error_of("UnauthorizedOperation").replace(words, message))
    with answering(200, LISTING, **{**ALL_WELL, "RunInstances": denied}) as (url, _):
        findings = probe_account(make_moto(url).account)
    (broken,) = [each for each in findings if each.outcome == "fails"]
    assert (broken.check, broken.is_refusal) == ("tags", False)
    assert "ec2:CreateTags" in broken.message
