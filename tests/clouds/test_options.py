"""The options of EC2's instances: what each sends, and what is refused."""

from typing import Any

import pytest

from servers.clouds.amazon.launch import build_run_params
from servers.clouds.amazon.options import OPTIONS
from servers.clouds.registry import (
    list_kinds,
    validate_config,
    validate_placement_options,
)
from servers.outgoing.errors import RefusedError
from tests.clouds.test_amazon import spec_of

pytestmark = pytest.mark.pure

KEYS = {"access_key_id": "a", "secret_access_key": "b"}
DISK = "BlockDeviceMapping.1"
RESERVATION = "CapacityReservationSpecification.CapacityReservation"


def build(**options: Any) -> dict[str, str]:
    spec = spec_of(spot="spot_max_price" in options)
    return build_run_params(spec, options, root_device="/dev/xvda")


def test_no_option_sends_what_every_launch_has() -> None:
    tags = {name for name in build() if name.startswith("TagSpecification")}
    assert {name: value for name, value in build().items() if name not in tags} == {
        "Action": "RunInstances",
        "ImageId": "ami-12c6146b",
        "InstanceType": "t3.micro",
        "MinCount": "1",
        "MaxCount": "1",
        "ClientToken": "token-1",
        "MetadataOptions.HttpTokens": "required",
        "MetadataOptions.HttpPutResponseHopLimit": "1",
        "MetadataOptions.HttpEndpoint": "enabled",
        "InstanceInitiatedShutdownBehavior": "terminate",
    }


CASES: list[tuple[dict[str, Any], dict[str, str]]] = [
    ({"subnet": "subnet-0a"}, {"SubnetId": "subnet-0a"}),
    (
        {"security_groups": "sg-1, sg-2"},
        {"SecurityGroupId.1": "sg-1", "SecurityGroupId.2": "sg-2"},
    ),
    (
        {"security_groups": ["sg-1", "sg-2"]},
        {"SecurityGroupId.1": "sg-1", "SecurityGroupId.2": "sg-2"},
    ),
    ({"zone": "eu-central-1a"}, {"Placement.AvailabilityZone": "eu-central-1a"}),
    ({"zone": "euc1-az2"}, {"Placement.AvailabilityZoneId": "euc1-az2"}),
    ({"instance_profile": "ci"}, {"IamInstanceProfile.Name": "ci"}),
    (
        {"instance_profile": "arn:aws:iam::1:instance-profile/ci"},
        {"IamInstanceProfile.Arn": "arn:aws:iam::1:instance-profile/ci"},
    ),
    ({"imdsv2": False}, {"MetadataOptions.HttpTokens": "optional"}),
    (
        {"spot_max_price": 0.00001},
        {"InstanceMarketOptions.SpotOptions.MaxPrice": "0.00001"},
    ),
    ({"imds_hops": 2}, {"MetadataOptions.HttpPutResponseHopLimit": "2"}),
    (
        {"disk_gib": 100},
        {f"{DISK}.DeviceName": "/dev/xvda", f"{DISK}.Ebs.VolumeSize": "100"},
    ),
    (
        {"disk_gib": 100, "disk_device": "/dev/sda1"},
        {f"{DISK}.DeviceName": "/dev/sda1"},
    ),
    (
        {"disk_type": "io2", "disk_iops": 4000},
        {f"{DISK}.Ebs.VolumeType": "io2", f"{DISK}.Ebs.Iops": "4000"},
    ),
    ({"disk_throughput": 250}, {f"{DISK}.Ebs.Throughput": "250"}),
    ({"disk_encrypted": True}, {f"{DISK}.Ebs.Encrypted": "true"}),
    ({"disk_encrypted": False}, {f"{DISK}.Ebs.Encrypted": "false"}),
    (
        {"disk_kms_key": "alias/ci"},
        {f"{DISK}.Ebs.KmsKeyId": "alias/ci", f"{DISK}.Ebs.Encrypted": "true"},
    ),
    ({"ebs_optimized": True}, {"EbsOptimized": "true"}),
    ({"monitoring": True}, {"Monitoring.Enabled": "true"}),
    ({"cpu_credits": "standard"}, {"CreditSpecification.CpuCredits": "standard"}),
    ({"tenancy": "dedicated"}, {"Placement.Tenancy": "dedicated"}),
    ({"placement_group": "ci one"}, {"Placement.GroupName": "ci one"}),
    ({"capacity_reservation": "none"}, {f"{RESERVATION}Preference": "none"}),
    (
        {"capacity_reservation": "only"},
        {f"{RESERVATION}Preference": "capacity-reservations-only"},
    ),
    (
        {"capacity_reservation": "cr-1"},
        {f"{RESERVATION}Target.CapacityReservationId": "cr-1"},
    ),
    (
        {"launch_template": "lt-1", "launch_template_version": "$Latest"},
        {
            "LaunchTemplate.LaunchTemplateId": "lt-1",
            "LaunchTemplate.Version": "$Latest",
        },
    ),
    (
        {"launch_template": "builders"},
        {"LaunchTemplate.LaunchTemplateName": "builders"},
    ),
]


@pytest.mark.parametrize(("options", "sent"), CASES)
def test_an_option_is_sent_as_its_parameter(
    options: dict[str, Any], sent: dict[str, str]
) -> None:
    assert build(**options).items() >= sent.items()
    assert not validate_placement_options("amazon", options, account_options={})


def test_every_option_is_sent_by_some_case() -> None:
    tried = {name for options, _ in CASES for name in options}
    # Those two have tests of their own.
    assert tried | {"public_ip", "address"} == {option.name for option in OPTIONS}


@pytest.mark.parametrize(("public", "said"), [(True, "true"), (False, "false")])
def test_a_public_address_is_asked_for_on_the_interface_with_all_else_of_it(
    public: bool, said: str
) -> None:
    params = build(public_ip=public, subnet="subnet-1", security_groups="sg-1")
    assert params["NetworkInterface.1.AssociatePublicIpAddress"] == said
    assert params["NetworkInterface.1.SubnetId"] == "subnet-1"
    assert params["NetworkInterface.1.SecurityGroupId.1"] == "sg-1"
    # EC2 refuses a call that names them twice.
    assert "SubnetId" not in params
    assert "SecurityGroupId.1" not in params


def test_an_empty_text_of_a_template_takes_the_accounts_away() -> None:
    assert "SubnetId" not in build(subnet="")
    assert not [name for name in build(disk_type="") if name.startswith(DISK)]
    assert not validate_placement_options(
        "amazon", {"subnet": "", "security_groups": ""}, account_options={}
    )


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"subnett": "subnet-1"}, "'subnett' is unknown"),
    ({"timings": {"call": 5}}, "'timings' is unknown"),
    ({"subnet": 5}, "Subnet: enter text"),
    ({"subnet": "default"}, "Subnet: use a value such as subnet-"),
    ({"subnet": "subnet-1\nsubnet-2"}, "Subnet: use a value"),
    ({"security_groups": "default"}, "Security groups: use a value such as sg-"),
    ({"security_groups": ["sg-1", 5]}, "Security groups: enter a list of text values"),
    ({"security_groups": ["sg-1"] * 51}, "enter at most 50"),
    ({"security_groups": {}}, "enter a list of text values"),
    ({"zone": "Frankfurt"}, "use a value such as eu-central-1a"),
    ({"public_ip": "yes"}, "Public address: use true or false"),
    ({"public_ip": 1}, "use true or false"),
    ({"address": "elastic"}, "use one of public, private, ipv6"),
    ({"address": None}, "enter text"),
    ({"imdsv2": "required"}, "use true or false"),
    ({"imds_hops": 0}, "use a whole number from 1 to 64"),
    ({"imds_hops": 65}, "use a whole number from 1 to 64"),
    ({"imds_hops": 1.5}, "use a whole number"),
    ({"imds_hops": True}, "use a whole number"),
    ({"disk_gib": 0}, "use a whole number from 1 to 65536"),
    ({"disk_gib": "100"}, "use a whole number"),
    ({"disk_gib": float("nan")}, "use a whole number"),
    ({"disk_gib": [8]}, "use a whole number"),
    ({"disk_type": "ssd"}, "use one of gp3"),
    ({"disk_device": "xvda"}, "use a value such as /dev/xvda"),
    ({"disk_type": "gp2", "disk_iops": 3000}, "takes no IOPS"),
    ({"disk_type": "io1"}, "needs a value for IOPS"),
    ({"disk_type": "io2", "disk_iops": 3000, "disk_throughput": 500}, "no throughput"),
    ({"disk_kms_key": "alias/a", "disk_encrypted": False}, "is always encrypted"),
    ({"tenancy": "host"}, "use one of default, dedicated"),
    ({"capacity_reservation": "mine"}, "use a value such as cr-"),
    ({"launch_template_version": "3"}, "needs a launch template"),
    ({"instance_profile": "a b"}, "use a value such as builders"),
]


@pytest.mark.parametrize(("options", "words"), WRONG)
def test_a_wrong_option_is_named_for_a_template_and_for_an_account(
    options: dict[str, Any], words: str
) -> None:
    messages = validate_placement_options("amazon", options, account_options={})
    assert any(words in message for message in messages), messages
    errors = validate_config(
        "amazon",
        credentials=KEYS,
        endpoint="",
        region="eu-central-1",
        options=options,
    )
    if "timings" not in options:  # an account may have them
        assert any(words in message for message in errors["options"]), errors


def test_a_templates_options_are_checked_with_its_accounts() -> None:
    options = {"disk_iops": 3000}
    assert not validate_placement_options("amazon", options, account_options={})
    wrong = validate_placement_options(
        "amazon", options, account_options={"disk_type": "gp2", "timings": {"call": 5}}
    )
    assert "takes no IOPS" in wrong[0]


def test_a_sandbox_takes_no_option_from_a_template() -> None:
    wrong = validate_placement_options("sandbox", {"boot": 1}, account_options={})
    assert "'boot' is unknown" in wrong[0]
    assert validate_placement_options("sandbox", ["boot"], account_options={})


def test_a_wrong_option_that_was_stored_before_is_refused_with_its_name() -> None:
    for options in ({"disk_gib": "inf"}, {"imds_hops": -1}, {"disk_type": "io1"}):
        with pytest.raises(RefusedError, match="Correct it"):
            build(**options)


def test_each_option_with_a_form_has_an_example_to_show() -> None:
    bare = [
        f"{kind.name} {field.name}"
        for kind in list_kinds()
        for field in (*kind.credentials, *kind.account_options)
        if field.pattern and not field.like
    ]
    assert bare == []
