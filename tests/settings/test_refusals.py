"""What production refuses to start without, in one sentence."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from serverfleet.run.data_folder import prepare_folder

# The programs that it runs have no database of the tests.
pytestmark = pytest.mark.pure
ROOT = Path(__file__).resolve().parents[2]


def clean_environment() -> dict[str, str]:
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("SERVERFLEET_") and not name.endswith("_URL")
    }


def run(*arguments: str, **env: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT,
        env={**clean_environment(), **env},
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_without_keys_it_refuses_in_one_sentence(tmp_path: Path) -> None:
    done = run("check", SERVERFLEET_DATA=str(tmp_path))
    assert done.returncode == 1
    assert "SERVERFLEET_SECRET_KEY is not set" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


@pytest.mark.parametrize(
    ("env", "words"),
    [
        ({"SERVERFLEET_ENCRYPTION_KEYS": "k1:short"}, "id:base64 of 32 random bytes"),
        ({"SERVERFLEET_HTTPS": "maybe"}, "SERVERFLEET_HTTPS is 'maybe'"),
        ({"SERVERFLEET_TICK_SECONDS": "-1"}, "SERVERFLEET_TICK_SECONDS is '-1'"),
        ({"SERVERFLEET_CREATE_TRIES": "nan"}, "SERVERFLEET_CREATE_TRIES is 'nan'"),
        ({"SERVERFLEET_LOG_FORMAT": "xml"}, "SERVERFLEET_LOG_FORMAT is 'xml'"),
        ({"DATABASE_URL": "mysql://x/y"}, "DATABASE_URL must look like"),
        ({"LIBCLOUD_RETRY_FAILED_HTTP_REQUESTS": "1"}, "two instances"),
        ({"SERVERFLEET_SECRET_KEY_FILE": "/nowhere"}, "can't be read"),
    ],
)
def test_a_wrong_setting_is_named(
    tmp_path: Path, env: dict[str, str], words: str
) -> None:
    prepare_folder(tmp_path, with_all_keys=True)
    done = run("check", SERVERFLEET_DATA=str(tmp_path), **env)
    assert done.returncode == 1
    assert words in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


@pytest.mark.parametrize(
    "program",
    [
        ["celery", "-A", "serverfleet", "worker", "-P", "threads"],
        ["celery", "-A", "serverfleet", "beat"],
        ["gunicorn", "--preload", "serverfleet.wsgi", "--bind", "127.0.0.1:0"],
    ],
    ids=["worker", "beat", "web"],
)
def test_the_other_programs_say_it_in_one_sentence_too(
    tmp_path: Path, program: list[str]
) -> None:
    done = subprocess.run(
        [sys.executable, "-m", *program],
        cwd=ROOT,
        env={**clean_environment(), "SERVERFLEET_DATA": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode != 0
    assert "SERVERFLEET_SECRET_KEY is not set" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_createtoken_without_tables_is_one_sentence(tmp_path: Path) -> None:
    prepare_folder(tmp_path, with_all_keys=True)
    arguments = ["createtoken", "ci", "--scope", "servers:write"]
    done = run(*arguments, SERVERFLEET_DATA=str(tmp_path))
    assert done.returncode != 0
    assert "Start ServerFleet once" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_the_deploy_check_is_clean(tmp_path: Path) -> None:
    prepare_folder(tmp_path, with_all_keys=True)
    done = run(
        "check", "--deploy", "--fail-level", "WARNING", SERVERFLEET_DATA=str(tmp_path)
    )
    assert done.returncode == 0, done.stderr
