"""Tokens for Azure: of a managed identity, and in each of Microsoft's clouds."""

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from servers.clouds.azure.places import CLOUDS, find_place, is_own
from servers.clouds.azure.tokens import explain_refusal, find_token, forget_token
from servers.clouds.base import CloudConfig
from servers.clouds.registry import validate_config
from servers.outgoing.deadline import Deadline
from servers.outgoing.errors import (
    CallError,
    CredentialsError,
    ThrottledError,
    UnreachableError,
)
from servers.outgoing.http import Answer
from servers.outgoing.reply import Reply
from tests.clouds.benches.azure import CLIENT, TENANT, AzureBench
from tests.support.serving import serve_http

pytestmark = pytest.mark.pure

SUBSCRIPTION = "00000000-0000-0000-0000-000000000001"
MACHINE = {"source": "machine", "subscription": SUBSCRIPTION}
PRINCIPAL = {
    "subscription": SUBSCRIPTION,
    "tenant": TENANT,
    "client_id": CLIENT,
    "client_secret": "needle",
}


class Metadata:
    """A machine's metadata service, with a managed identity."""

    def __init__(self) -> None:
        self.status, self.said = 200, ""
        self.asked: list[dict[str, list[str]]] = []
        metadata = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                assert self.headers["Metadata"] == "true"
                metadata.asked.append(parse_qs(urlsplit(self.path).query))
                body: dict[str, Any] = {
                    "access_token": f"eyJ.needle-{len(metadata.asked)}",
                    "expires_in": "86399",  # a text, as the real one sends it
                }
                if metadata.status != 200:
                    body = {
                        "error": "invalid_request",
                        "error_description": metadata.said,
                    }
                self.send_response(metadata.status)
                self.end_headers()
                self.wfile.write(json.dumps(body).encode())

            def log_message(self, *_: Any) -> None:
                return

        self.handler = Handler


@pytest.fixture
def metadata(monkeypatch: pytest.MonkeyPatch) -> Iterator[Metadata]:
    made = Metadata()
    with serve_http(made.handler) as url:
        monkeypatch.setenv("AZURE_POD_IDENTITY_AUTHORITY_HOST", url)
        yield made


def make_config(account: str, **given: Any) -> CloudConfig:
    credentials = given.pop("credentials", MACHINE)
    endpoint = given.pop("endpoint", "")
    return CloudConfig(account, "westeurope", endpoint, credentials, given)


def find(config: CloudConfig) -> str:
    with Deadline(10, "Azure"):
        return find_token(config).text


def test_a_managed_identitys_token_is_fetched_once_and_anew_after_it_is_rejected(
    metadata: Metadata,
) -> None:
    config = make_config("once")
    assert find(config) == find(config) == "eyJ.needle-1"
    (asked,) = metadata.asked
    assert asked["resource"] == ["https://management.azure.com/"]
    assert "client_id" not in asked
    with Deadline(10, "Azure"):
        token = find_token(config)
        assert "needle" not in repr(token)
        forget_token(config, token)
    assert find(config) == "eyJ.needle-2"


def test_one_of_several_identities_is_chosen_by_its_client_id(
    metadata: Metadata,
) -> None:
    find(make_config("several", credentials={**MACHINE, "client_id": CLIENT}))
    assert metadata.asked[0]["client_id"] == [CLIENT]


@pytest.mark.parametrize(
    ("cloud", "resource"),
    [
        ("", "https://management.azure.com/"),
        ("usgov", "https://management.usgovcloudapi.net/"),
        ("china", "https://management.chinacloudapi.cn/"),
    ],
)
def test_the_token_is_for_the_accounts_cloud(
    metadata: Metadata, cloud: str, resource: str
) -> None:
    find(make_config(f"in {cloud}", cloud=cloud))
    assert metadata.asked[0]["resource"] == [resource]


@pytest.mark.parametrize(
    ("status", "said", "wanted", "words"),
    [
        (400, "Identity not found", CredentialsError, "Assign a managed identity"),
        (429, "", ThrottledError, "429"),
        (500, "", UnreachableError, "500"),
    ],
)
def test_why_there_is_no_identity_is_told(
    metadata: Metadata, status: int, said: str, wanted: type[CallError], words: str
) -> None:
    metadata.status, metadata.said = status, said
    with pytest.raises(CallError, match=words) as raised:
        find(make_config(f"none {status}"))
    assert type(raised.value) is wanted


def test_elsewhere_than_on_azure_that_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_POD_IDENTITY_AUTHORITY_HOST", "http://127.0.0.1:9")
    with pytest.raises(UnreachableError, match="answers only on Azure"):
        find(make_config("elsewhere"))


@pytest.mark.parametrize(
    ("credentials", "endpoint", "words"),
    [
        (MACHINE, "", ""),
        (MACHINE, "https://management.chinacloudapi.cn", ""),
        (MACHINE, "https://azure.example.com", "sent only to Microsoft"),
        (MACHINE, "http://management.azure.com", "sent only to Microsoft"),
        (MACHINE, "https://management.azure.com:8443", "sent only to Microsoft"),
        ({**MACHINE, "client_secret": "x"}, "", "needs no tenant and no client secret"),
        (PRINCIPAL, "", ""),
        (PRINCIPAL, "https://azure.example.com", ""),
        ({**PRINCIPAL, "tenant": ""}, "", "Tenant id is missing"),
        ({**PRINCIPAL, "client_secret": ""}, "", "Client secret is missing"),
    ],
)
def test_credentials_are_told_to_be_wrong_when_they_are_entered(
    credentials: dict[str, str], endpoint: str, words: str
) -> None:
    errors = validate_config(
        "azure",
        credentials={name: value for name, value in credentials.items() if value},
        endpoint=endpoint,
        region="westeurope",
        options={"resource_group": "builders"},
    )
    said = " ".join(errors.get("credentials", []))
    assert words in said
    assert bool(words) is bool(said)


@pytest.mark.parametrize("cloud", list(CLOUDS))
def test_each_cloud_has_its_own_addresses_and_a_proxys_login_stays_with_it(
    cloud: str,
) -> None:
    place = find_place(make_config("x", cloud=cloud))
    assert is_own(place.api)
    assert place.resource == f"{place.api}/"
    # Its own address, entered as the endpoint, signs in at Microsoft still.
    same = find_place(make_config("x", endpoint=place.api, cloud=cloud))
    assert same == place
    other = find_place(make_config("x", endpoint="https://a.example.com", cloud=cloud))
    assert (other.api, other.login) == ("https://a.example.com",) * 2
    assert other.resource == place.resource
    assert other.tags_parts is (cloud == "public")


def test_the_endpoint_decides_if_it_is_another_cloud_of_microsofts() -> None:
    config = make_config("x", endpoint="https://management.usgovcloudapi.net")
    place = find_place(config)
    assert place.login == "https://login.microsoftonline.us"
    assert not place.tags_parts


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("AADSTS7000222", "has expired"),
        ("AADSTS7000215", "not its id"),
        ("AADSTS700016", "no such application"),
        ("AADSTS90002", "no such tenant"),
        ("AADSTS53003", "conditional access"),
        ("AADSTS1", "Check the tenant"),
    ],
)
def test_a_refused_sign_in_says_what_to_do(code: str, words: str) -> None:
    said = f"{code}: No. Trace ID: 1 Correlation ID: 2 Timestamp: 2026-01-01"
    data = {"error": "invalid_client", "error_description": said}
    answer = Answer(401, "", {}, json.dumps(data).encode())
    error = explain_refusal(Reply("Entra", answer, data))
    assert type(error) is CredentialsError
    assert words in error.message
    assert "Trace" not in error.message


def test_a_rejected_secret_creates_nothing() -> None:
    bench = AzureBench()
    with bench.run():
        config = bench.config()
        wrong = CloudConfig(
            "wrong",
            config.region,
            config.endpoint,
            {**config.credentials, "client_secret": "needle"},
            config.options,
        )
        with pytest.raises(CredentialsError, match="not its id") as raised:
            find(wrong)
        assert "needle" not in raised.value.message
        assert {each.role for each in bench.fake.seen} == {"token"}
