"""Keys that are lent: this machine's role, and an assumed one."""

import uuid
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from servers.clouds.base import CloudConfig
from servers.clouds.port import Cloud
from servers.clouds.registry import open_cloud, validate_config
from servers.outgoing.errors import (
    CallError,
    CredentialsError,
    ThrottledError,
    UnreachableError,
)
from tests.clouds.test_amazon import error_of, spec_of
from tests.support.aws import ROLE, Aws, run_aws
from tests.support.threads import at_once

pytestmark = pytest.mark.pure

ARN = "arn:aws:iam::123456789012:role/fleet/builders"


MACHINE = {"source": "machine"}


TYPED = {"access_key_id": "AKIATYPED", "secret_access_key": "needle-typed"}


KEYS_OF_ROLE = f"/latest/meta-data/iam/security-credentials/{ROLE}"


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[Aws]:
    with run_aws() as aws:
        monkeypatch.delenv("AWS_EC2_METADATA_DISABLED", raising=False)
        monkeypatch.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", aws.url)
        monkeypatch.setenv("AWS_ENDPOINT_URL_STS", aws.url)
        yield aws


def open_amazon(aws: Aws, **credentials: str) -> Cloud:
    # An account of its own, since lent keys are kept by account.
    name = uuid.uuid4().hex
    return open_cloud("amazon", CloudConfig(name, "eu-central-1", aws.url, credentials))


def look(cloud: Cloud) -> None:
    assert cloud.list_instances("ci", deadline=10).instances == ()


def test_the_machines_role_signs_and_is_fetched_once(aws: Aws) -> None:
    cloud = open_amazon(aws, **MACHINE)
    for _ in range(3):
        look(cloud)
    assert aws.asked[f"GET {KEYS_OF_ROLE}"] == 1
    assert aws.asked["PUT /latest/api/token"] == 1  # the second version, and no other
    assert aws.signed_by == ["ASIAMACHINE1"] * 3


@pytest.mark.parametrize("base", [MACHINE, TYPED])
def test_a_role_is_assumed_with_its_external_id_over_either(
    aws: Aws, base: dict[str, str]
) -> None:
    aws.external_id = "fleet-1"
    cloud = open_amazon(aws, **base, role_arn=ARN, external_id="fleet-1")
    for _ in range(3):
        look(cloud)
    assert aws.asked["AssumeRole"] == 1
    (asked,) = [form for form in aws.forms if form["Action"] == "AssumeRole"]
    assert (asked["RoleArn"], asked["Version"]) == (ARN, "2011-06-15")
    assert asked["RoleSessionName"].startswith("serverfleet-")
    assert asked["DurationSeconds"] == "3600"
    first, *rest = aws.signed_by
    assert first.startswith("AKIATYPED" if base is TYPED else "ASIAMACHINE")
    assert all(key.startswith("ASIAROLE") for key in rest)
    assert len(rest) == 3


def test_a_token_file_is_exchanged_and_a_containers_endpoint_is_asked(
    aws: Aws, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    token = tmp_path / "token"
    token.write_text("pod-token\n")
    monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", f"{aws.url}/container")
    monkeypatch.setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", str(token))
    look(open_amazon(aws, **MACHINE))
    assert aws.signed_by[-1].startswith("ASIAPOD")
    web = tmp_path / "web"
    web.write_text("a-token-of-the-cluster")
    monkeypatch.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", str(web))
    monkeypatch.setenv("AWS_ROLE_ARN", ARN)
    look(open_amazon(aws, **MACHINE))
    assert aws.signed_by[-1].startswith("ASIAWEB")
    web.write_text("another")
    with pytest.raises(CredentialsError, match="AccessDenied"):
        look(open_amazon(aws, **MACHINE))
    web.unlink()
    with pytest.raises(CredentialsError, match=r"token file .* can't be read"):
        look(open_amazon(aws, **MACHINE))
    assert not aws.asked["PUT /latest/api/token"]


def test_a_containers_keys_are_fetched_from_no_other_host(
    aws: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://203.0.113.5/keys")
    with pytest.raises(CredentialsError, match="neither this machine nor"):
        look(open_amazon(aws, **MACHINE))


def test_many_threads_fetch_one_roles_keys_once(aws: Aws) -> None:
    aws.delay = 0.3
    cloud = open_amazon(aws, **MACHINE, role_arn=ARN)
    at_once(*[partial(look, cloud)] * 12)
    assert aws.asked["AssumeRole"] == 1
    assert aws.asked["DescribeInstances"] == 12


@pytest.mark.parametrize(
    ("trouble", "wanted", "words"),
    [
        ({"role": ""}, CredentialsError, "Attach an instance profile"),
        (
            {"broken": {KEYS_OF_ROLE: (200, '{"Code": "Failed"}')}},
            CredentialsError,
            "Failed",
        ),
        (
            {"broken": {KEYS_OF_ROLE: (200, "<html>")}},
            UnreachableError,
            "unreadable answer",
        ),
        ({"broken": {KEYS_OF_ROLE: (200, "{}")}}, UnreachableError, "without keys"),
        ({"broken": {KEYS_OF_ROLE: (500, "")}}, CredentialsError, "500"),
        (
            {"broken": {"/latest/api/token": (403, "")}},
            CredentialsError,
            "Enable it",
        ),
        ({"trusted": False}, CredentialsError, "Let the role trust"),
        ({"external_id": "x"}, CredentialsError, "check the external id"),
        (
            {"broken": {"AssumeRole": (400, error_of("Throttling"))}},
            ThrottledError,
            "Throttling",
        ),
        # Nothing was asked of EC2, so nothing can have been made.
        (
            {"broken": {"AssumeRole": (503, error_of("ServiceUnavailable"))}},
            UnreachableError,
            "ServiceUnavailable",
        ),
        ({"broken": {"AssumeRole": (200, "<a/>")}}, UnreachableError, "without keys"),
    ],
)
def test_keys_that_are_not_lent_are_told_and_nothing_is_sent(
    aws: Aws,
    trouble: dict[str, object],
    wanted: type[CallError],
    words: str,
) -> None:
    for name, value in trouble.items():
        setattr(aws, name, value)
    with pytest.raises(CallError, match=words) as raised:
        open_amazon(aws, **MACHINE, role_arn=ARN).create_instance(
            spec_of(), deadline=10
        )
    assert type(raised.value) is wanted
    assert "needle" not in raised.value.message
    assert not aws.asked["RunInstances"]


def test_a_machine_that_is_no_instance_is_told_in_words(
    aws: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(UnreachableError, match="It answers only on AWS"):
        look(open_amazon(aws, **MACHINE))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    with pytest.raises(CredentialsError, match="AWS_EC2_METADATA_DISABLED is true"):
        look(open_amazon(aws, **MACHINE))


def test_typed_keys_with_a_session_token_that_ended_say_what_to_do(aws: Aws) -> None:
    with pytest.raises(CredentialsError, match="use a role, which ServerFleet renews"):
        look(open_amazon(aws, **TYPED, session_token="needle-ended"))
    # Without one there is nothing to renew.
    aws.keys = {}
    with pytest.raises(CredentialsError) as raised:
        look(open_amazon(aws, **TYPED))
    assert "session token expires" not in raised.value.message


@pytest.mark.parametrize(
    ("credentials", "words"),
    [
        (MACHINE, ""),
        ({**MACHINE, "role_arn": ARN, "external_id": "x-1"}, ""),
        ({**TYPED, "source": "keys", "role_arn": ARN}, ""),
        (TYPED, ""),
        ({}, "Access key id is missing."),
        ({"role_arn": ARN}, "Access key id is missing."),
        ({"access_key_id": "a"}, "Secret access key is missing."),
        ({**MACHINE, **TYPED}, "Remove the keys"),
        ({**MACHINE, "external_id": "x-1"}, "needs a role"),
        ({**MACHINE, "role_arn": "builders"}, "such as arn:aws:iam"),
        ({**MACHINE, "role_arn": ARN, "external_id": "x y"}, "such as serverfleet-1"),
        ({"source": "environment"}, "use one of keys, machine"),
        ({**TYPED, "profile": "x"}, "'profile' is unknown"),
    ],
)
def test_credentials_are_of_one_kind(credentials: dict[str, str], words: str) -> None:
    errors = validate_config(
        "amazon",
        credentials=credentials,
        endpoint="",
        region="eu-central-1",
        options={},
    )
    assert words in " ".join(errors.get("credentials", []))
    assert bool(errors) is bool(words)


@pytest.mark.parametrize(
    ("endpoint", "allowed"),
    [
        ("", True),
        ("https://ec2-fips.us-east-1.amazonaws.com", True),
        ("https://vpce-0a1b-2c3d.ec2.eu-west-1.vpce.amazonaws.com", True),
        ("https://ec2.cn-north-1.amazonaws.com.cn", True),
        ("https://builds.example.com", False),
        ("http://ec2.eu-west-1.amazonaws.com", False),
        ("https://ec2-3-4-5-6.eu-west-1.compute.amazonaws.com", False),
        ("https://a1b2.execute-api.eu-west-1.amazonaws.com", False),
        ("https://ec2.eu-west-1.amazonaws.com.example.com", False),
        ("https://ec2.eu-west-1.amazonaws.com@example.com", False),
    ],
)
@pytest.mark.parametrize("lent", [MACHINE, {**TYPED, "role_arn": ARN}])
def test_keys_of_a_role_go_to_aws_alone(
    endpoint: str, allowed: bool, lent: dict[str, str]
) -> None:
    errors = validate_config(
        "amazon",
        credentials=lent,
        endpoint=endpoint,
        region="eu-central-1",
        options={},
    )
    said = " ".join(errors.get("credentials", []))
    assert ("sent only to AWS" in said) is not allowed
