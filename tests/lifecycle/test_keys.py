"""The key that ties an instance to its attempt."""

from uuid import uuid4

import pytest

from servers.lifecycle.keys import MAX_KEY_LENGTH, is_fleet_id, make_key, parse_key


def test_a_key_is_parsed_completely() -> None:
    for fleet in ("ci", "ci-prod", "a", "a-1-2"):
        key = make_key(fleet, uuid4(), 12)
        assert parse_key(str(key)) == key
        assert len(str(key)) <= MAX_KEY_LENGTH


def test_ci_is_not_ci_prod() -> None:
    key = make_key("ci-prod", uuid4(), 1)
    parsed = parse_key(str(key))
    assert parsed is not None
    assert parsed.fleet == "ci-prod"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ci",
        "ci-1-2-abcd",
        "x" * 100,
        "ci-" + "g" * 32 + "-1-abcd",
        "ci-" + "a" * 32 + "-0-abcd",
        "ci-" + "a" * 32 + "-1-ABCD",
        "-" + "a" * 32 + "-1-abcd",
        "ci-" + "a" * 32 + "-1-abcd\n",
    ],
)
def test_a_foreign_key_is_none(text: str) -> None:
    assert parse_key(text) is None


@pytest.mark.parametrize(
    ("text", "valid"),
    [
        ("ci", True),
        ("a" * 16, True),
        ("a" * 17, False),
        ("1a", False),
        ("a-", False),
        ("", False),
        ("A", False),
    ],
)
def test_which_fleet_ids_are_valid(text: str, valid: bool) -> None:
    assert is_fleet_id(text) is valid
