"""Calls to clouds take the way out that the environment names, as other tools do."""

import base64
from pathlib import Path

import pytest

from servers import addresses
from servers.clouds.base import CloudConfig
from servers.clouds.registry import open_cloud
from servers.outgoing import proxy as proxies
from servers.outgoing.errors import UnreachableError
from tests.clouds.test_amazon import SECRETS, answering, serving
from tests.clouds.test_instance_addresses import ALL, PUBLIC, describe
from tests.support.outbound import forget_proxies, make_certificate, proxying

pytestmark = pytest.mark.pure

HOST = "ec2.invalid"  # resolves nowhere: only a proxy can know the way


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    forget_proxies(monkeypatch)


def look(endpoint: str) -> str:
    cloud = open_cloud("amazon", CloudConfig("a", "eu-central-1", endpoint, SECRETS))
    return cloud.get_instance("i-1", deadline=5).address


def test_a_plain_endpoint_is_asked_through_the_proxy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with answering(200, describe(ALL)) as (url, seen), proxying(url) as proxy:
        monkeypatch.setenv("HTTP_PROXY", f"http://ada:pa%20ss@127.0.0.1:{proxy.port}")
        assert look(f"http://{HOST}:8773/services/compute") == PUBLIC
    assert proxy.asked == [f"POST http://{HOST}:8773/services/compute HTTP/1.1"]
    assert len(seen) == 1
    (sent,) = proxy.authorization
    assert base64.b64decode(sent.split()[-1]) == b"ada:pa ss"


def test_the_proxy_itself_can_be_on_a_private_network_that_no_endpoint_can_have(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(addresses, "_read_allowed", addresses.Allowed)
    with answering(200, describe(ALL)) as (url, seen), proxying(url) as proxy:
        with pytest.raises(UnreachableError, match="ALLOW_PRIVATE_ENDPOINTS"):
            look(url)
        assert seen == []
        monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{proxy.port}")
        assert look(f"http://{HOST}:8773") == PUBLIC
    assert proxy.asked == [f"POST http://{HOST}:8773/ HTTP/1.1"]
    assert len(seen) == 1


@pytest.mark.parametrize(
    "host", ["169.254.169.254", "10.0.0.1", "[::ffff:a9fe:a9fe]", "0xa9fea9fe"]
)
def test_a_proxy_is_asked_for_no_address_that_no_endpoint_can_have(
    monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    monkeypatch.setattr(addresses, "_read_allowed", addresses.Allowed)
    with answering(200, describe(ALL)) as (url, seen), proxying(url) as proxy:
        monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{proxy.port}")
        with pytest.raises(UnreachableError, match=r"never connects|ALLOW_PRIVATE"):
            look(f"http://{host}:8773")
    assert (proxy.asked, seen) == ([], [])


def test_a_tls_endpoint_is_asked_through_a_tunnel_and_its_certificate_is_checked(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    context, certificate = make_certificate(tmp_path, HOST)
    with (
        serving(200, describe(ALL), {}, tls=context) as (url, seen),
        proxying(url) as proxy,
    ):
        monkeypatch.setenv("HTTPS_PROXY", f"127.0.0.1:{proxy.port}")
        # Nobody vouches for it yet.
        with pytest.raises(UnreachableError, match="TLS certificate"):
            look(f"https://{HOST}:8443")
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        assert look(f"https://{HOST}:8443") == PUBLIC
    # Python's version decides which version of HTTP asks for a tunnel.
    tunnels = [line.rpartition(" ")[0] for line in proxy.asked]
    assert tunnels == [f"CONNECT {HOST}:8443"] * 2
    assert len(seen) == 1


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({"HTTPS_PROXY": "http://ada:s3cret@127.0.0.1:{port}"}, "answered 407"),
        ({"HTTPS_PROXY": "http://ada:s3cret@127.0.0.1:9"}, "the proxy 127.0.0.1:9"),
        ({"HTTPS_PROXY": "socks5://127.0.0.1:{port}"}, "can't be used"),
        ({"HTTPS_PROXY": "http://ada:s3cret@127.0.0.1:x"}, "can't be used"),
        ({"HTTP_PROXY": "http://127.0.0.1:{port}"}, "Set HTTPS_PROXY as well"),
        (
            {"HTTPS_PROXY": "http://127.0.0.1:{port}", "NO_PROXY": ".invalid"},
            "NO_PROXY exempts ec2.invalid",
        ),
        (
            {"ALL_PROXY": "http://127.0.0.1:{port}", "no_proxy": "*"},
            "NO_PROXY exempts ec2.invalid",
        ),
    ],
)
def test_a_proxy_that_is_not_used_or_does_not_help_is_told_without_its_secret(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], words: str
) -> None:
    refusal = b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n"
    with proxying("http://127.0.0.1:9", answer=refusal) as proxy:
        for name, value in environment.items():
            monkeypatch.setenv(name, value.replace("{port}", str(proxy.port)))
        with pytest.raises(UnreachableError, match=words) as raised:
            look(f"https://{HOST}")
    assert "s3cret" not in raised.value.message
    assert "ada" not in raised.value.message


def test_this_machine_is_asked_without_a_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    with answering(200, describe(ALL)) as (url, _):
        assert look(url) == PUBLIC


def test_what_can_not_be_used_is_said_at_the_start(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert proxies.list_problems() == []
    monkeypatch.setenv("HTTP_PROXY", "http://proxy:3128")
    assert "Set HTTPS_PROXY as well." in proxies.list_problems()[0]
    monkeypatch.setenv("https_proxy", "http://proxy:3128")
    assert proxies.list_problems() == []
    monkeypatch.setenv("https_proxy", "socks5://ada:s3cret@proxy:1080")
    (problem,) = proxies.list_problems()
    assert problem.startswith("HTTPS_PROXY is set but can't be used")
    assert "s3cret" not in problem
