"""What `make run` prints: an address that works, and what to do about others."""

import pytest
from django.test import override_settings

from serverfleet.run.address import advise, find_address

pytestmark = pytest.mark.pure

LOCAL = ["127.0.0.1", "[::1]", "localhost"]


@pytest.mark.parametrize(
    ("host", "allowed", "path", "address"),
    [
        ("127.0.0.1", LOCAL, "", "http://127.0.0.1:8000"),
        ("::1", LOCAL, "", "http://[::1]:8000"),
        ("0.0.0.0", LOCAL, "", "http://127.0.0.1:8000"),
        ("::", LOCAL, "", "http://[::1]:8000"),
        ("10.0.0.7", [*LOCAL, "10.0.0.7"], "", "http://10.0.0.7:8000"),
        ("0.0.0.0", ["fleet.lan"], "", "http://fleet.lan:8000"),
        ("0.0.0.0", ["*"], "", "http://127.0.0.1:8000"),
        ("0.0.0.0", [".lan"], "", "http://127.0.0.1:8000"),
        ("127.0.0.1", LOCAL, "/fleet", "http://127.0.0.1:8000/fleet"),
    ],
)
def test_the_address_is_one_that_is_answered(
    host: str, allowed: list[str], path: str, address: str
) -> None:
    with override_settings(ALLOWED_HOSTS=allowed, SCRIPT_NAME=path):
        assert find_address(host, 8000) == address


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.53", "localhost", "::1"])
def test_nothing_is_advised_on_loopback(host: str) -> None:
    assert advise(host) == ""


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.7", "fleet.lan"])
def test_elsewhere_a_proxy_is_advised_in_one_line(host: str) -> None:
    proxies = [line for line in advise(host).splitlines() if "proxy" in line]
    assert len(proxies) == 1
    assert "docs/deploy.md" in proxies[0]


def test_all_addresses_ask_for_the_names(monkeypatch: pytest.MonkeyPatch) -> None:
    with override_settings(ALLOWED_HOSTS=LOCAL):
        assert "Set SERVERFLEET_ALLOWED_HOSTS" in advise("0.0.0.0")
        assert "SERVERFLEET_ALLOWED_HOSTS" not in advise("10.0.0.7")
        monkeypatch.setenv("SERVERFLEET_ALLOWED_HOSTS", "fleet.lan")
        assert "SERVERFLEET_ALLOWED_HOSTS" not in advise("0.0.0.0")
