"""Workers whose clocks are wrong by minutes: only the database's clock counts.

On EC2's API, because the sandbox lives by the clock of the process that calls it.
"""

import os
import signal
from contextlib import ExitStack
from pathlib import Path

import pytest

from servers.drill.service import Service
from tests.support.celery import WORKER, running
from tests.support.moto import reset_moto

SERVERS = 6
ACCOUNT = """
from servers.models import Account, Template, TemplatePlacement
from servers.operations.accounts import save_account
from servers.operations.templates import save_template
account = save_account(
    Account(name="ec2", kind="amazon", region="eu-central-1", endpoint="{url}",
            options={{"timings": {{"call": 4.0, "lease": 10.0, "settle": 3.0,
                     "grace": 3.0, "lag": 0.5, "listing_busy": 0.5,
                     "listing_idle": 5.0}}}}),
    credentials={{"access_key_id": "AKIATEST", "secret_access_key": "made-up"}},
)
save_template(Template(name="ec2"), [TemplatePlacement(
    account=account, region="eu-central-1", image="ami-12c6146b", size="t3.micro")])
"""


def find_faketime() -> str:
    """Return the library that turns the clock of one process."""
    found = sorted(Path("/usr/lib").rglob("libfaketimeMT.so.1"))
    if not found:
        pytest.skip("libfaketime is not installed")
    return str(found[0])


def clock(offset: str) -> dict[str, str]:
    """Return the environment of a process whose clock is off."""
    return {
        "LD_PRELOAD": find_faketime(),
        "FAKETIME": offset,
    }


@pytest.mark.postgresql
def test_workers_and_a_beat_with_wrong_clocks_make_and_end_each_server_once(
    database_env: dict[str, str], moto_url: str
) -> None:
    reset_moto(moto_url)
    ahead, behind = clock("+11m"), clock("-9m")
    env = {"SERVERFLEET_HANG_SECONDS": "0", **database_env}
    with Service(**env) as service, ExitStack() as stack:
        made = service.command("shell", "-c", ACCOUNT.format(url=moto_url))
        assert made.returncode == 0, made.stderr
        # Only those with wrong clocks are left to do the work.
        for name in ("worker", "beat"):
            for pid in service.processes(f"serverfleet --quiet {name}"):
                os.kill(pid, signal.SIGSTOP)
        stack.enter_context(running(service, *WORKER, **ahead))
        stack.enter_context(running(service, *WORKER, **behind))
        stack.enter_context(running(service, "beat", "--pidfile=", **clock("-6m")))
        body = {"count": SERVERS, "template": "ec2"}
        status, rows = service.call("POST", "/api/servers", body)
        assert status == 200, rows
        names = [row["name"] for row in rows]
        service.wait_state("running", *names, seconds=90)
        _, report = service.call("GET", "/api/leaks")
        (location,) = (entry for entry in report["scopes"] if entry["account"] == "ec2")
        assert (location["live"], location["owned"]) == (SERVERS, SERVERS)
        for name in names:
            service.call("DELETE", f"/api/servers/{name}")
        service.wait_state("stopped", *names, seconds=90)
        assert "Traceback" not in (service.data / "more.log").read_text()
