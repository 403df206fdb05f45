"""A worker that is suspended (SIGSTOP) beyond its lease, and then continues."""

import os
import signal
import time
from collections import Counter

import pytest

from servers import engine
from servers.models import Server
from tests.exactly_once.clouds import Bench, SandboxBench, make_moto, make_sandbox
from tests.support.crash import run_in_child, stop_at
from tests.support.fleet import TIMINGS, Workshop, make_fleet, provision
from tests.support.moto import reset_moto

pytestmark = pytest.mark.django_db(transaction=True)


def stall(server: Server, where: str) -> int:
    """Start a step in a child process that suspends itself there; return its id."""
    child = run_in_child(lambda: engine.advance(server.pk), stop_at(where))
    _, status = os.waitpid(child, os.WUNTRACED)
    assert os.WIFSTOPPED(status)
    return child


def wake(child: int) -> None:
    os.kill(child, signal.SIGCONT)
    _, status = os.waitpid(child, 0)
    assert os.WIFEXITED(status)


# As in test_kills.py, a sandbox is enough for the second database.
@pytest.mark.parametrize(
    "cloud", ["sandbox", pytest.param("moto", marks=pytest.mark.sqlite)]
)
@pytest.mark.parametrize(
    "where", ["cloud", "answer come"], ids=["before the send", "after the answer"]
)
def test_a_worker_that_sleeps_past_its_lease_leaves_exactly_one(
    workshop: Workshop, request: pytest.FixtureRequest, cloud: str, where: str
) -> None:
    if cloud == "sandbox":
        bench: Bench = make_sandbox()
    else:
        url = request.getfixturevalue("moto_url")
        reset_moto(url)
        bench = make_moto(url)
    account = bench.account
    workshop.run_until(
        lambda: account.locations.filter(listings__isnull=False).exists()
    )
    workshop.deaf = True
    server = provision()
    child = stall(server, where)
    server.refresh_from_db()
    assert server.state == "creating"
    # Past the lease, and past the time at which the call counts as absent.
    time.sleep(4.5)
    workshop.deaf = False
    workshop.run_to("running", server, seconds=60)
    wake(child)
    # Twice the grace, so that the late instance is found and destroyed.
    workshop.run_for(3.0)
    server.refresh_from_db()
    assert server.state == "running"
    assert bench.live() == Counter([server.pk.hex])


def test_two_workers_on_one_row_send_one_call(workshop: Workshop) -> None:
    # Longer than any delay on a slow machine: another test covers an attempt that is
    # never sent.
    bench = SandboxBench(make_fleet(timings={**TIMINGS, "lease": 60.0, "call": 10.0}))
    workshop.run_until(
        lambda: bench.account.locations.filter(listings__isnull=False).exists()
    )
    workshop.deaf = True
    servers = [provision() for _ in range(10)]

    def advance_all() -> None:
        for server in servers:
            engine.advance(server.pk)

    children = [run_in_child(advance_all, lambda _: None) for _ in range(4)]
    for child in children:
        _, status = os.waitpid(child, 0)
        assert os.WEXITSTATUS(status) == 0
    workshop.deaf = False
    workshop.run_to("running", *servers)
    assert bench.live() == Counter(server.pk.hex for server in servers)
    assert Counter(server.attempt_number for server in servers) == {1: 10}
