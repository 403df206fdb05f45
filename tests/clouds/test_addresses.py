"""Where calls go: never to a metadata service, to private networks only if allowed."""

import json
import socket
from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any

import pytest

from servers import addresses
from servers.addresses import (
    explain_address,
    explain_host,
    is_host,
    parse_allowed,
    read_address,
)
from servers.clouds.amazon.api import read_answer
from servers.clouds.azure import errors as azure
from servers.clouds.azure import tokens as azure_tokens
from servers.clouds.base import CloudConfig, CloudInstance, Meaning
from servers.clouds.digitalocean import errors as digitalocean
from servers.clouds.google import errors as google
from servers.clouds.google import tokens as google_tokens
from servers.clouds.hetznercloud import errors as hetznercloud
from servers.clouds.linode import errors as linode
from servers.clouds.openstack import errors as openstack
from servers.clouds.registry import list_kinds, open_cloud, validate_config
from servers.clouds.scaleway import errors as scaleway
from servers.clouds.vultr import errors as vultr
from servers.machine.tcp import NOT_TRIED, NOT_YET, try_port
from servers.outgoing.errors import CallError, UnreachableError
from servers.outgoing.http import Answer
from servers.outgoing.reading import parse_json
from servers.outgoing.reply import Reply, describe_body

LOOPBACK = (
    *("127.0.0.1", "127.9.9.9", "127.1", "0x7f.1", "0x7f000001", "2130706433"),
    *("0177.0.0.1", "017700000001", "[::1]", "::1", "::ffff:127.0.0.1"),
    *("0:0:0:0:0:ffff:7f00:1", "::127.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::"),
    *("127.0.0.1.", "localhost", "LOCALHOST.", "a.localhost", "１２７.0.0.1"),
    *("127\u30020.0.1", "127.0\uff610.1", "127.0.0.1\u200b", "::ffff:0:7f00:1"),
    *("2606:4700::5efe:7f00:1", "::1%lo", "localhost6", "①②⑦.0.0.1", "0177.1"),
)
PRIVATE = (
    *("10.0.0.1", "172.16.0.1", "192.168.0.1", "100.64.0.1", "192.168.257"),
    *("fd12:3456::1", "::ffff:10.0.0.1", "198.18.0.1", "fec0::1", "64:ff9b::a00:1"),
    *("64:ff9b:1:808:8:800:808:808", "192.0.0.8", "192.88.99.1", "2002:a00:1::"),
    *("2001:db8::1", "203.0.113.5", "2606:4700::200:5efe:a00:1"),
)
NEVER = (
    *("169.254.169.254", "169.254.0.1", "0xa9fea9fe", "2852039166", "169.254.43518"),
    *("::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe", "fe80::1", "fd00:ec2::254"),
    *("100.100.100.200", "168.63.129.16", "0.0.0.0", "0", "::", "224.0.0.1"),
    *("169\u3002254\u3002169\u3002254", "0xA9.0xFE.0xA9.0xFE", "0251.0376.0251.0376"),
    *("169.254.169.254\u200b", "169.16689662", "fe80::1%eth0", "fe80::1%25eth0"),
    *("::ffff:0:a9fe:a9fe", "2002:a9fe:a9fe::1", "2606:4700::5efe:a9fe:a9fe"),
    *("64:ff9b:1::a9fe:a9fe", "64:ff9b:1:a9fe:a9:fe00:808:808", "ff02::1"),
    *("2001:0:4136:e378:8000:63bf:5601:5601", "::ffff:100.100.100.200"),
    *("2001:0:a9fe:a9fe:8000:63bf:f7f7:f7f7", "fd00:c1::a9fe:a9fe", "fd00:42::42"),
    *("fd00:a9fe:a9fe::1", "fd00:100::100:200", "fd00:ec2::23", "fe80::a9fe:a9fe"),
    *("255.255.255.255", "metadata.google.internal", "Metadata.Google.Internal."),
)
PUBLIC = ("ec2.eu-central-1.amazonaws.com", "8.8.8.8", "2606:4700::1", "fleet.example")


@pytest.fixture
def allow() -> Iterator[Any]:
    """Say what the installation allows."""
    before = addresses._read_allowed

    def say(text: str) -> None:
        addresses.configure(lambda: parse_allowed(text))

    say("")
    yield say
    addresses.configure(before)


@pytest.mark.parametrize("host", LOOPBACK + PRIVATE)
def test_what_is_private_needs_the_installations_word(allow: Any, host: str) -> None:
    assert "SERVERFLEET_ALLOW_PRIVATE_ENDPOINTS" in explain_host(host)
    allow("1")
    assert explain_host(host) == ""


@pytest.mark.parametrize("host", NEVER)
@pytest.mark.parametrize("allowed", ["", "1", "0.0.0.0/0,::/0"])
def test_metadata_services_are_never_called(
    allow: Any, host: str, allowed: str
) -> None:
    allow(allowed)
    assert "never connects" in explain_host(host)


@pytest.mark.parametrize("host", PUBLIC)
def test_the_rest_is_free(allow: Any, host: str) -> None:
    assert explain_host(host) == ""


def test_hosts_and_networks_are_allowed_one_by_one(allow: Any) -> None:
    allow("LocalStack, 10.1.0.0/16,fd12::/16 ,127.0.0.1")
    assert explain_host("10.1.2.3") == ""
    assert explain_host("::ffff:10.1.2.3") == ""
    assert explain_host("10.2.0.1") != ""
    assert explain_host("fd12::9") == ""
    assert explain_host("127.1") == ""
    assert explain_host("127.0.0.2") != ""
    ten = read_address("10.2.0.1")
    assert ten is not None
    assert explain_address(ten, host="localstack.") == ""
    assert explain_address(ten, host="other") != ""
    for wrong in ("10.0.0.0/99", "a b", "2130706433", "http://x"):
        with pytest.raises(ValueError, match=r".+"):
            parse_allowed(wrong)


def check(endpoint: str) -> str:
    keys = {"access_key_id": "a", "secret_access_key": "b"}
    found = validate_config(
        "amazon", credentials=keys, endpoint=endpoint, region="eu-west-1", options={}
    )
    return " ".join(found.get("endpoint", []))


def test_a_private_endpoint_is_refused_where_it_is_saved(allow: Any) -> None:
    for host in ("127.0.0.1:8000", "[::ffff:10.0.0.1]", "2130706433", "localhost:1"):
        assert "SERVERFLEET_ALLOW" in check(f"http://{host}"), host
    assert "never connects" in check("http://169.254.169.254")
    assert check("https://ec2.eu-west-1.amazonaws.com") == ""


def describe(endpoint: str) -> str:
    keys = {"access_key_id": "a", "secret_access_key": "b"}
    config = CloudConfig("1", "eu-west-1", endpoint=endpoint, credentials=keys)
    with pytest.raises(UnreachableError) as caught:
        open_cloud("amazon", config).fetch_identity(deadline=3)
    return caught.value.message


def test_what_a_name_leads_to_is_judged_where_it_is_connected_to(
    allow: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as ear:
        port = ear.getsockname()[1]
        answers = ["10.0.0.1"]
        real = socket.getaddrinfo
        asked = []

        def resolve(host: str, *rest: Any, **more: Any) -> Any:
            if host != "cloud.example":
                return real(host, *rest, **more)
            asked.append(host)
            return [(2, 1, 6, "", (address, port)) for address in answers]

        monkeypatch.setattr(socket, "getaddrinfo", resolve)
        ear.settimeout(0.2)
        said = {describe(f"http://cloud.example:{port}")}
        answers[:] = ["127.0.0.1"]
        # Open, and shut: what is said is the same, and nothing was connected to.
        said.add(describe(f"http://cloud.example:{port}"))
        said.add(describe("http://cloud.example:1"))
        assert len(said) == 1
        assert "leads to this machine or to a private network" in said.pop()
        with pytest.raises(TimeoutError):
            ear.accept()
        asked.clear()
        allow("cloud.example")
        ear.settimeout(5)
        answers[:] = ["169.254.169.254", "127.0.0.1"]
        ear.listen()
        with pytest.raises(Exception, match="no reliable answer"):
            open_cloud(
                "amazon",
                CloudConfig(
                    "1",
                    "eu-west-1",
                    endpoint=f"http://cloud.example:{port}",
                    credentials={"access_key_id": "a", "secret_access_key": "b"},
                ),
            ).fetch_identity(deadline=0.5)
        connection, _ = ear.accept()
        # Looked up once: no second answer can be another.
        assert asked == ["cloud.example"]
        assert b"Host: cloud.example" in connection.recv(4096)
        connection.close()


@pytest.mark.parametrize(
    ("address", "kept"),
    [
        ("10.0.0.1", True),
        ("2001:db8::1", True),
        ("ip-10-0-0-1.ec2.internal", True),
        ("", True),
        ("127.0.0.1; echo owned", False),
        ("$(reboot)", False),
        ("-oProxyCommand=x", False),
        ("fe80::1%eth0", False),
        ("a" * 300, False),
        ("http://x", False),
        ("a\nb", False),
    ],
)
def test_an_address_is_an_ip_address_or_a_host_name(address: str, kept: bool) -> None:
    seen = CloudInstance("i-1", "", "", "", "running", Meaning.RUNNING, address=address)
    assert seen.address == (address if kept else "")
    assert is_host(address) is (kept and bool(address))


def test_readiness_connects_to_no_metadata_service_and_to_this_machine_in_the_sandbox(
    allow: Any,
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as ear:
        port = ear.getsockname()[1]
        assert try_port("127.0.0.1", port, timeout=1) == NOT_TRIED
        assert try_port("::ffff:127.0.0.1", port, timeout=1) == NOT_TRIED
        assert try_port("127.0.0.1", port, timeout=5, loopback=True) == ""
    assert try_port("127.0.0.1", port, timeout=1, loopback=True) == NOT_YET
    for host in ("169.254.169.254", "fe80::1", "0.0.0.0"):
        assert try_port(host, 80, timeout=1, loopback=True) == NOT_TRIED
    assert try_port("no.such.host.invalid", 80, timeout=1) == NOT_YET


SECRET = "internal-hostname-and-more"


def explain_amazon(reply: Reply) -> CallError | None:
    """Return the error that an answer of EC2 is, or None."""
    try:
        read_answer(reply.answer)
    except CallError as error:
        return error
    return None


READERS: dict[str, Callable[[Reply], CallError | None]] = {
    "amazon": explain_amazon,
    "azure": azure.explain,
    "azure sign-in": azure_tokens.explain_refusal,
    "digitalocean": digitalocean.explain,
    "google": google.explain,
    "google sign-in": google_tokens.explain_refusal,
    "hetznercloud": hetznercloud.explain,
    "linode": linode.explain,
    "openstack": openstack.explain,
    "openstack sign-in": openstack.explain_keystone,
    "scaleway": scaleway.explain,
    "vultr": vultr.explain,
}


@pytest.mark.parametrize(
    "body",
    [
        SECRET,
        f"<html>{SECRET}</html>",
        f"<Error><Code>AccessDenied</Code><Message>{SECRET}</Message></Error>",
        f"<Response><Error><Message>{SECRET}</Message></Error></Response>",
        f"<Response><Errors><Error><Code>a {SECRET}</Code></Error></Errors></Response>",
        f"<status><Error><Code>x</Code><Message>{SECRET}</Message></Error></status>",
        json.dumps(SECRET),
        json.dumps([SECRET]),
        json.dumps({"message": SECRET}),
        json.dumps({"error": SECRET, "status": 418}),
        json.dumps({"error": {"type": SECRET, "reason": SECRET}}),
        json.dumps({"errors": [{"message": SECRET}]}),
        json.dumps({"detail": SECRET}),
        json.dumps({"kind": "Status", "message": SECRET, "reason": "Forbidden"}),
    ],
)
@pytest.mark.parametrize("name", READERS)
def test_an_error_quotes_nothing_of_what_is_no_answer_of_its_cloud(
    name: str, body: str
) -> None:
    for status in (200, 302, 400, 401, 403, 404, 409, 429, 500, 503):
        headers = {"Location": f"http://{SECRET}"}
        answer = Answer(status, SECRET, headers, body.encode())
        reply = Reply("It", answer, parse_json(answer.body))
        assert SECRET not in describe_body(reply)
        error = READERS[name](reply)
        assert error is None or SECRET not in error.message


def test_each_cloud_with_an_endpoint_is_among_them() -> None:
    kinds = {kind.name for kind in list_kinds() if kind.takes_endpoint}
    assert kinds <= {name.partition(" ")[0] for name in READERS}
    for name in kinds - {"amazon"}:
        errors = import_module(f"servers.clouds.{name}.errors")
        assert READERS[name] is errors.explain


def test_a_long_error_is_cut(allow: Any) -> None:
    error = f"<Error><Code>X</Code><Message>{'long ' * 10_000}</Message></Error>"
    body = f"<Response><Errors>{error}</Errors></Response>".encode()
    with pytest.raises(CallError) as caught:
        read_answer(Answer(400, "", {}, body))
    assert len(caught.value.message) < 1100
