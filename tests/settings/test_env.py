"""What is read from the environment, and the sentences about what can't be."""

import base64
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from serverfleet import env

KEY = base64.b64encode(b"x" * 32).decode()


def test_keys_keep_their_order_for_the_first_encrypts() -> None:
    other = base64.b64encode(b"y" * 32).decode()
    keys = env.parse_keys(f"new:{KEY},\nold:{other}\n", source="KEYS")
    assert list(keys.items()) == [("new", b"x" * 32), ("old", b"y" * 32)]


@pytest.mark.parametrize(
    "text",
    [
        "",
        ",",
        "k1",
        "k1:",
        "k1:short",
        "k1:é",
        f":{KEY}",
        f"a b:{KEY}",
        f"k1:{KEY[:-4]}",
    ],
)
def test_bad_keys_are_refused_without_showing_them(text: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="KEYS must contain keys") as caught:
        env.parse_keys(text, source="KEYS")
    assert KEY[:-4] not in str(caught.value)


def test_two_keys_of_one_id_are_refused() -> None:
    with pytest.raises(ImproperlyConfigured, match="contains the key id k1 twice"):
        env.parse_keys(f"k1:{KEY},k1:{KEY}", source="KEYS")


def test_a_database_url_is_taken_apart() -> None:
    parsed = env.parse_database_url(
        "postgresql://ada:p%40ss@db.example:6432/fleet?sslmode=require"
    )
    assert parsed["NAME"] == "fleet"
    assert (parsed["USER"], parsed["PASSWORD"]) == ("ada", "p@ss")
    assert (parsed["HOST"], parsed["PORT"]) == ("db.example", "6432")
    assert parsed["OPTIONS"] == {"sslmode": "require"}


@pytest.mark.parametrize(
    "url",
    [
        "postgres://",
        "postgres://u:needle@h",
        "postgres://u:needle@[h/x",
        "postgres://u:needle@h:99999/x",
        "postgres://u:needle@h:port/x",
        "sqlite:///x",
    ],
)
def test_a_bad_database_url_is_one_sentence_without_its_password(url: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="DATABASE_URL must look") as caught:
        env.parse_database_url(url)
    assert "needle" not in str(caught.value)


def test_a_secret_may_stand_in_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "secret").write_text("from the file\n")
    monkeypatch.setenv("A_SECRET_FILE", str(tmp_path / "secret"))
    assert env.read_secret("A_SECRET") == "from the file"
    monkeypatch.setenv("A_SECRET", "from the environment")
    assert env.read_secret("A_SECRET") == "from the environment"


@pytest.mark.parametrize("text", ["nan", "inf", "-1", "1e400", "ten", "1,5"])
def test_a_number_that_is_none_is_named(
    text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECONDS_TO_WAIT", text)
    with pytest.raises(ImproperlyConfigured, match="SECONDS_TO_WAIT is"):
        env.read_float("SECONDS_TO_WAIT", 1.0)
