"""Where instances reach ServerFleet: what is accepted, and what is warned about."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured

from serverfleet import env
from servers.checks import check_public_url
from servers.machine.certificates import issue_keys

pytestmark = pytest.mark.pure


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("", ""),
        ("https://fleet.example.com/", "https://fleet.example.com"),
        (
            "https://tools.example.com:8443/fleet",
            "https://tools.example.com:8443/fleet",
        ),
        ("http://127.0.0.1:8000", "http://127.0.0.1:8000"),
        ("http://[::1]:8000", "http://[::1]:8000"),
        ("http://localhost", "http://localhost"),
    ],
)
def test_the_public_url_is_https_or_this_machine(
    monkeypatch: pytest.MonkeyPatch, text: str, url: str
) -> None:
    monkeypatch.setenv("THE_URL", text)
    assert env.read_public_url("THE_URL") == url


@pytest.mark.parametrize(
    "text",
    [
        "fleet.example.com",
        "http://fleet.example.com",
        "http://127.0.0.1.example.com",
        "ftp://127.0.0.1",
        "https://",
        "https://user:word@fleet.example.com",
        "https://fleet.example.com/?a=b",
        "https://fleet.example.com/#a",
        "https://fleet.example.com:port",
        "https://fleet.example.com/$(id)",
        'https://fleet.example.com/"',
        "https://fleet.example.com\nhttps://other.example.com",
    ],
)
def test_another_public_url_is_refused(
    monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.setenv("THE_URL", text)
    with pytest.raises(ImproperlyConfigured, match="THE_URL must be the https:// URL"):
        env.read_public_url("THE_URL")


def test_of_the_file_of_authorities_only_certificates_are_sent(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    keys = issue_keys("fleet.example.com", now=datetime.now(UTC), days=1)
    file = tmp_path / "ca.pem"
    file.write_text(f"{keys.ca_key}\n{keys.ca_cert}\n# mine\n{keys.client_cert}")
    monkeypatch.setenv("THE_CA", str(file))
    text = env.read_authority("THE_CA")
    assert text.count("BEGIN CERTIFICATE") == 2
    assert "PRIVATE KEY" not in text
    assert "mine" not in text
    for wrong in ("", "no certificate", keys.ca_key):
        file.write_text(wrong)
        with pytest.raises(ImproperlyConfigured, match="certificates in PEM"):
            env.read_authority("THE_CA")
    monkeypatch.setenv("THE_CA", str(tmp_path / "none.pem"))
    with pytest.raises(ImproperlyConfigured, match="certificates in PEM"):
        env.read_authority("THE_CA")


def test_a_host_name_that_is_not_answered_is_warned_about(settings: Any) -> None:
    settings.PUBLIC_URL = ""
    assert check_public_url() == []
    settings.PUBLIC_URL = "https://fleet.example.com"
    (warning,) = check_public_url()
    assert warning.id == "servers.W002"
    assert warning.hint == "Add fleet.example.com to SERVERFLEET_ALLOWED_HOSTS."
    settings.ALLOWED_HOSTS = [".example.com"]
    assert check_public_url() == []
