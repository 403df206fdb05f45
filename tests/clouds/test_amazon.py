"""EC2's answers, each as the error of the port that says what it means."""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs
from uuid import uuid4

import pytest

from servers.clouds.amazon import adapter
from servers.clouds.amazon.launch import build_run_params
from servers.clouds.base import CloudConfig, CreateSpec, NoCapacityError, QuotaError
from servers.clouds.registry import open_cloud
from servers.errors import InvalidError
from servers.lifecycle.keys import make_key
from servers.outgoing.errors import (
    CallError,
    CredentialsError,
    MissingError,
    RefusedError,
    ThrottledError,
    UnknownOutcomeError,
)
from tests.support.moto import reset_moto
from tests.support.serving import serve_http

pytestmark = pytest.mark.pure

SECRETS = {"access_key_id": "AKIA", "secret_access_key": "made-up-secret"}


def spec_of(**more: Any) -> CreateSpec:
    server = uuid4()
    plain = {
        "key": str(make_key("ci", server, 1)),
        "token": "token-1",
        "fleet": "ci",
        "server_id": server.hex,
        "name": "agent-1",
        "image": "ami-12c6146b",
        "size": "t3.micro",
    }
    return CreateSpec(**{**plain, **more})


@contextmanager
def answering(
    status: int, body: str, **actions: tuple[int, str]
) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Serve one answer for all but some actions, as EC2 does; note the requests."""
    with serving(status, body, actions) as found:
        yield found


@contextmanager
def serving(
    status: int,
    body: str,
    actions: dict[str, tuple[int, str]],
    *,
    tls: ssl.SSLContext | None = None,
) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Do as ``answering`` does, behind TLS where asked for."""
    seen: list[dict[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            size = int(self.headers["Content-Length"])
            seen.append({"path": self.path, **parse_qs(self.rfile.read(size).decode())})
            code, text = actions.get(seen[-1]["Action"][0], (status, body))
            data = text.encode()
            self.send_response(code)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: Any) -> None:
            return

    with serve_http(Handler, tls=tls) as url:
        yield url, seen


def error_of(code: str) -> str:
    return (
        '<?xml version="1.0"?><Response><Errors><Error>'
        f"<Code>{code}</Code><Message>The words of {code}.</Message>"
        "</Error></Errors><RequestID>1</RequestID></Response>"
    )


@pytest.mark.parametrize(
    ("status", "code", "wanted"),
    [
        (503, "RequestLimitExceeded", ThrottledError),
        (500, "InsufficientInstanceCapacity", NoCapacityError),
        (400, "VcpuLimitExceeded", QuotaError),
        (400, "InstanceLimitExceeded", QuotaError),
        (401, "AuthFailure", CredentialsError),
        (403, "UnauthorizedOperation", CredentialsError),
        (403, "SignatureDoesNotMatch", CredentialsError),
        (400, "InvalidAMIID.NotFound", RefusedError),
        (400, "InvalidAMIID.Malformed", RefusedError),
        (400, "InvalidKeyPair.NotFound", RefusedError),
        (400, "IdempotentParameterMismatch", RefusedError),
        (400, "InvalidParameterValue", RefusedError),
        (400, "InvalidInstanceID.NotFound", MissingError),
        (500, "InternalError", UnknownOutcomeError),
        (503, "Unavailable", UnknownOutcomeError),
        (502, "", UnknownOutcomeError),
    ],
)
def test_an_error_code_means_what_it_means(
    status: int, code: str, wanted: type[CallError]
) -> None:
    with answering(status, error_of(code)) as (url, seen):
        cloud = open_cloud("amazon", CloudConfig("a", "eu-central-1", url, SECRETS))
        with pytest.raises(CallError) as raised:
            cloud.create_instance(spec_of(), deadline=5)
        assert type(raised.value) is wanted
        assert "made-up-secret" not in raised.value.message
        if code:
            assert f"The words of {code}." in raised.value.message
        # Sent once: an answer, whatever it is, is never a reason to send it again.
        assert len(seen) == 1


@pytest.mark.parametrize("body", ["", "no xml", "<a>", "<html></html>"])
def test_an_answer_that_is_none_is_an_unknown_outcome(body: str) -> None:
    with answering(200, body) as (url, _):
        cloud = open_cloud("amazon", CloudConfig("a", "eu-central-1", url, SECRETS))
        with pytest.raises(UnknownOutcomeError):
            cloud.create_instance(spec_of(), deadline=5)


def test_the_call_carries_tags_token_key_and_user_data_and_no_secret_in_its_url() -> (
    None
):
    with answering(200, "<a/>") as (url, seen):
        cloud = open_cloud("amazon", CloudConfig("a", "eu-central-1", url, SECRETS))
        spec = spec_of(user_data="#!/bin/sh\necho s3cret", ssh_key="ops")
        with pytest.raises(UnknownOutcomeError):
            cloud.create_instance(spec, deadline=5)
    (request,) = seen
    assert request["path"] == "/"
    assert request["Action"] == ["RunInstances"]
    assert (request["MinCount"], request["MaxCount"]) == (["1"], ["1"])
    assert request["ClientToken"] == ["token-1"]
    assert request["KeyName"] == ["ops"]
    assert request["UserData"]
    assert request["TagSpecification.1.ResourceType"] == ["instance"]
    assert request["TagSpecification.2.ResourceType"] == ["volume"]
    assert request["TagSpecification.3.ResourceType"] == ["network-interface"]
    assert [spec.key] in request.values()


def test_oversized_user_data_is_refused_before_anything_is_sent() -> None:
    with pytest.raises(RefusedError, match="Shorten"):
        build_run_params(spec_of(user_data="x" * 20_000), {})


def test_a_listing_of_many_pages_is_whole(
    moto_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    reset_moto(moto_url)
    # The smallest page that EC2 allows. moto needs half a minute for large ones.
    monkeypatch.setattr(adapter, "PAGE", 5)
    cloud = open_cloud("amazon", CloudConfig("a", "eu-central-1", moto_url, SECRETS))
    spec = spec_of()
    params = build_run_params(spec, {})
    # One raw call for all of them, which ServerFleet never sends.
    params |= {"MinCount": "32", "MaxCount": "32"}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(adapter, "build_run_params", lambda *_, **__: params)
        cloud.create_instance(spec, deadline=120)
    listing = cloud.list_instances("ci", deadline=120)
    assert len(listing.instances) == 32
    assert listing.identity == "123456789012"


def test_a_region_outside_of_any_table_works_and_a_wrong_one_is_refused() -> None:
    assert open_cloud("amazon", CloudConfig("a", "eu-south-9", "", SECRETS))
    for wrong in ("", "moon", "eu-central-1/../", "EU"):
        with pytest.raises(InvalidError):
            open_cloud("amazon", CloudConfig("a", wrong, "", SECRETS))
