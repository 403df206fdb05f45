"""``/metrics`` accepts its own token, or an API token that can read servers."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from serverfleet.run.data_folder import prepare_folder
from servers.access.tokens import issue_token
from servers.api.shared.limits import refusals
from tests.api.conftest import Call
from tests.settings.test_refusals import ROOT, clean_environment
from tests.support.people import make_person

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.pure]

PRINT_SETTINGS = """
import json
from serverfleet import settings
print(json.dumps([settings.METRICS_OPEN, settings.METRICS_TOKEN]))
"""


@pytest.fixture(autouse=True)
def closed(settings: Any) -> Any:
    settings.METRICS_OPEN = False
    refusals.forget()
    yield settings
    refusals.forget()


def ask(call: Call, token: str = "") -> Any:
    headers = {"authorization": f"Bearer {token}"} if token else {}
    return call("GET", "/metrics", scopes=None, headers=headers)


def test_a_stranger_is_refused(call: Call) -> None:
    for token in ("", "nonsense", "sf_0123456789ab_nonsense"):
        answer = ask(call, token)
        assert (answer.status_code, answer["WWW-Authenticate"]) == (401, "Bearer")
        assert "SERVERFLEET_METRICS_TOKEN" in answer.json()["message"]


def test_it_is_closed_unless_a_setting_opens_it(
    call: Call, closed: Any, tmp_path: Path
) -> None:
    prepare_folder(tmp_path, with_all_keys=True)
    # In another process, since the tests' own environment opens it.
    for env, status in (({}, 401), ({"SERVERFLEET_METRICS_OPEN": "1"}, 200)):
        loaded = subprocess.run(
            [sys.executable, "-c", PRINT_SETTINGS],
            cwd=ROOT,
            env={**clean_environment(), "SERVERFLEET_DATA": str(tmp_path), **env},
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert loaded.returncode == 0, loaded.stderr
        closed.METRICS_OPEN, closed.METRICS_TOKEN = json.loads(loaded.stdout)
        assert ask(call).status_code == status


def test_it_accepts_its_own_token_and_api_tokens_that_read_servers(
    call: Call, closed: Any
) -> None:
    closed.METRICS_TOKEN = "its-own"
    assert ask(call, "its-own").status_code == 200
    for scope in ("servers:read", "servers:write", "fleet:admin"):
        answer = call("GET", "/metrics", scopes=[scope])
        assert (answer.status_code, b"serverfleet_servers" in answer.content) == (
            200,
            True,
        )
    assert call("GET", "/metrics", scopes=["secrets:read"]).status_code == 403
    user = make_person("viewer")
    text = issue_token("viewers", scopes=["servers:read"], user=user)
    assert ask(call, text).status_code == 200
    user.groups.clear()
    assert ask(call, text).status_code == 403


def test_it_can_be_opened(call: Call, closed: Any) -> None:
    closed.METRICS_OPEN = True
    assert ask(call).status_code == 200


def test_guesses_are_limited_like_refused_tokens(call: Call, closed: Any) -> None:
    closed.RATE_ADDRESS = 20
    assert [ask(call, "x").status_code for _ in range(3)] == [401, 401, 429]
