"""The machine's own service account, whose tokens Google's metadata service gives."""

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest

from servers.clouds.base import CloudConfig
from servers.clouds.google.tokens import is_own_host
from servers.clouds.registry import open_cloud
from servers.outgoing.errors import CredentialsError, UnreachableError
from tests.clouds.benches.google import GoogleBench
from tests.clouds.google.signing_in import MACHINE, errors_of, look
from tests.support.serving import serve_http

pytestmark = pytest.mark.pure


@pytest.mark.parametrize(
    ("endpoint", "own"),
    [
        ("https://compute.googleapis.com", True),
        ("https://compute-builds.p.googleapis.com", True),
        ("https://restricted.googleapis.com", True),
        ("https://compute.europe-west1.rep.googleapis.com", True),
        ("http://compute.googleapis.com", False),
        ("https://compute.googleapis.com.example.com", False),
        ("https://compute.googleapis.com@example.com", False),
        ("https://builds.storage.googleapis.com", False),
        ("https://example.com", False),
    ],
)
def test_the_machines_token_goes_to_google_alone(endpoint: str, *, own: bool) -> None:
    assert is_own_host(endpoint) is own
    assert ("sent only to Google" in errors_of(MACHINE, endpoint)) is not own


class Metadata:
    """A metadata service: Google's, unless it is told to be another."""

    def __init__(self) -> None:
        self.flavor = "Google"
        self.paths: list[str] = []
        self.status = 200
        metadata = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                metadata.paths.append(self.path)
                asked = self.headers["Metadata-Flavor"] == "Google"
                body = "acme-builds"
                if self.path.endswith("/token"):
                    body = json.dumps({"access_token": "ya29.needle", "expires_in": 99})
                self.send_response(metadata.status if asked else 403)
                self.send_header("Metadata-Flavor", metadata.flavor)
                self.end_headers()
                self.wfile.write(body.encode())

            def log_message(self, *_: Any) -> None:
                return

        self.handler = Handler


@pytest.fixture
def metadata(monkeypatch: pytest.MonkeyPatch) -> Iterator[Metadata]:
    made = Metadata()
    with serve_http(made.handler) as url:
        monkeypatch.setenv("GCE_METADATA_HOST", url.removeprefix("http://"))
        yield made


def test_the_machines_service_account_is_used_with_its_project(
    bench: GoogleBench, metadata: Metadata
) -> None:
    bench.fake.tokens["ya29.needle"] = "one"
    config = CloudConfig("m", "europe-west1", bench.fake.url, MACHINE)
    for _ in range(2):
        look(open_cloud("google", config))
    assert len(metadata.paths) == 2  # the token and the project, once
    listed = bench.fake.seen[-1]
    assert listed.params["project"] == "acme-builds"
    assert listed.headers["authorization"] == "Bearer ya29.needle"


def test_what_is_no_metadata_service_of_googles_gets_nothing(
    bench: GoogleBench, metadata: Metadata, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = CloudConfig("n", "europe-west1", bench.fake.url, MACHINE)
    metadata.flavor = "Amazon"
    with pytest.raises(CredentialsError, match="not Google's metadata service"):
        look(open_cloud("google", config))
    metadata.flavor, metadata.status = "Google", 404
    with pytest.raises(CredentialsError, match="no service account"):
        look(open_cloud("google", config))
    monkeypatch.setenv("GCE_METADATA_HOST", "127.0.0.1:9")
    with pytest.raises(UnreachableError, match="only on Google Cloud"):
        look(open_cloud("google", config))
    assert bench.fake.seen == []
