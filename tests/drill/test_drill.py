"""The fire drill itself: creates and destroys at random while everything is killed."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from servers.drill.plan import Wishes
from servers.drill.postgresql import PostgreSQL
from servers.drill.run import DrillError, require_sandbox, run_drill
from servers.models import Account
from tests.support.fleet import make_fleet

ROOT = Path(__file__).resolve().parents[2]
KILLS = 60


def run_command(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "manage.py", "drill", *arguments],
        cwd=ROOT,
        env=os.environ.copy(),
        capture_output=True,
        text=True,
    )


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_nothing_is_lost_or_doubled_whatever_dies(
    postgresql: PostgreSQL | None,
) -> None:
    database = "postgresql" if postgresql else "sqlite"
    seed = os.environ.get("DRILL_SEED", "20")
    done = run_command(
        "--json", "--seed", seed, "--database", database,
        "--seconds", "60", "--kills", str(KILLS), "--stranded", "8",
    )  # fmt: skip
    print(done.stdout, done.stderr)
    assert done.returncode == 0
    verdict = json.loads(done.stdout)
    assert verdict["kept"] is True
    assert verdict["kills"]["total"] >= KILLS
    assert verdict["between_intent_and_answer"] >= 8
    assert verdict["kills"]["worker"] > 0
    assert ("database" in verdict["kills"]) is bool(postgresql)
    assert (verdict["leaks"], verdict["doubles"], verdict["lost"]) == (0, 0, 0)
    assert verdict["stops_for_good"] > 0
    assert 0 < verdict["first_step_after_seconds"] < 60
    assert verdict["made"] > 0
    assert verdict["drained"]["after its build"] > 0
    assert verdict["drained"]["by force"] > 0
    assert verdict["replaced"] > 0
    assert verdict["live"] == verdict["states"]["running"]


@pytest.mark.pure
def test_wishes_out_of_bounds_are_refused_in_one_line() -> None:
    for arguments in (["--servers", "0"], ["--seconds", "1e9"], ["--kills", "-1"]):
        done = run_command(*arguments)
        assert done.returncode != 0
        assert "takes a number from" in done.stderr
        assert "Traceback" not in done.stderr


def test_a_folder_without_the_mark_is_never_drilled() -> None:
    with pytest.raises(DrillError, match="not a drill's folder"):
        run_drill(Wishes(), postgres=None, say=print)


@pytest.mark.django_db
def test_an_account_that_is_no_sandbox_is_never_drilled() -> None:
    with pytest.raises(DrillError, match="one sandbox account"):
        require_sandbox()
    account = make_fleet()
    assert require_sandbox() == account
    Account.objects.filter(pk=account.pk).update(kind="amazon")
    with pytest.raises(DrillError, match="one sandbox account"):
        require_sandbox()


@pytest.mark.pure
def test_an_unknown_database_is_refused() -> None:
    with pytest.raises(CommandError):
        call_command("drill", "--database", "mysql")
