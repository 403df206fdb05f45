"""One line a record, whatever it holds, and no secret in it."""

import io
import json
import logging
import logging.config
from typing import Any

import pytest

from serverfleet.web import logs
from servers import tracing

TOKEN = "sf_abc_0123456789-needle"
PRIVATE_KEY = "-----BEGIN EC PRIVATE KEY-----\nneedle\n-----END EC PRIVATE KEY-----"


def write_record(form: str, message: str, *arguments: object, **options: Any) -> str:
    """Return what one record becomes."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    formatter = logs.build_config(form, level="INFO")["formatters"]["lines"]
    handler.setFormatter(_make_formatter(formatter))
    logger = logging.getLogger("a.test")
    logger.propagate = False
    logger.addHandler(handler)
    try:
        logger.error(message, *arguments, **options)
    finally:
        logger.removeHandler(handler)
    return stream.getvalue()


def _make_formatter(config: dict[str, Any]) -> logging.Formatter:
    formatter: logging.Formatter = logging.config.DictConfigurator(
        {"version": 1}
    ).configure_formatter(dict(config))
    return formatter


@pytest.mark.parametrize("form", ["console", "json"])
@pytest.mark.parametrize(
    "hostile", ["a\nERROR forged", "a\r\x1b[2Jforged", "a\u2028forged", "a\x85forged"]
)
def test_a_hostile_text_can_neither_end_the_line_nor_steer_the_terminal(
    form: str, hostile: str
) -> None:
    line = write_record(form, "GET %s 404", hostile, extra={"route": hostile})
    assert len(line.splitlines()) == 1
    assert line[:-1].isprintable()
    assert "forged" in line


def test_the_lines_of_a_trace_are_set_in() -> None:
    try:
        raise ValueError("broken\n2026-01-01T00:00:00Z [error    ] forged")
    except ValueError:
        first, *rest = write_record("console", "It failed.", exc_info=True).splitlines()
    assert "It failed." in first
    assert rest
    assert all(line.startswith("    ") for line in rest)


@pytest.mark.parametrize("form", ["console", "json"])
@pytest.mark.parametrize(
    "text",
    [
        f"the token {TOKEN} came",
        "Authorization: Bearer needle",
        "authorization: bearer needle",
        "Authorization: Basic needle",
        "GET /x?token=needle",
        "password=needle",
        "postgresql://ada:needle@db/fleet",
        f"read {PRIVATE_KEY}",
        PRIVATE_KEY.rpartition("\n")[0],
    ],
)
def test_a_secret_is_known_by_its_form(form: str, text: str) -> None:
    line = write_record(
        form, "said %s", text, extra={"why": [text], "who": Exception(text)}
    )
    assert "needle" not in line
    assert line.count(logs.REDACTED) >= 3


@pytest.mark.parametrize("form", ["console", "json"])
def test_a_secret_is_known_by_its_name_however_deep(form: str) -> None:
    line = write_record(
        form,
        "called",
        extra={
            "password": "needle",
            "request": {"headers": [{"Authorization": "needle"}], "size": 7},
        },
    )
    assert "needle" not in line
    assert "7" in line


def test_the_public_half_of_a_token_is_told_and_no_other() -> None:
    extra = {"token_id": "0123ab", "token": "needle", "token_ids": "needle"}
    record = json.loads(write_record("json", "done", extra=extra))
    assert record["token_id"] == "0123ab"
    assert record["token"] == record["token_ids"] == logs.REDACTED


def test_a_json_line_tells_request_and_actor() -> None:
    with tracing.bound(request_id="r-1", actor="user:ada"):
        record = json.loads(write_record("json", "done", extra={"ms": 1.5}))
    assert (record["request_id"], record["actor"]) == ("r-1", "user:ada")
    assert (record["event"], record["ms"], record["level"]) == ("done", 1.5, "error")
