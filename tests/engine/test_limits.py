"""An account's limits hold even if servers that fall back to it race."""

import threading
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

import pytest
from django.db import connections

from servers import engine
from servers.lifecycle.states import PROVEN_GONE
from servers.models import Account, Attempt, Location, Server
from servers.operations.accounts import save_account
from tests.support.fleet import (
    QUICK,
    TIMINGS,
    Workshop,
    change_template,
    make_fleet,
    provision,
)

pytestmark = pytest.mark.django_db(transaction=True)

RACERS = 8
# A lease that stays fresh on a busy machine: an old one prevents the call.
PATIENT = {**TIMINGS, "lease": 60.0, "call": 10.0}


def step_at_once(servers: list[Server]) -> None:
    """Step each server in its own thread, all starting at the same moment."""
    start = threading.Barrier(len(servers))

    def step(pk: UUID) -> None:
        try:
            start.wait(timeout=30)
            engine.advance(pk)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(servers)) as threads:
        list(threads.map(step, [server.pk for server in servers]))


def open_gates(workshop: Workshop) -> None:
    workshop.run_until(
        lambda: not Location.objects.filter(compared_at__isnull=True).exists()
    )


@pytest.mark.parametrize("cap", [1, 3])
def test_servers_that_fall_back_together_stay_within_the_limit(
    workshop: Workshop, cap: int
) -> None:
    # A call takes a while, so that all of them look at the fallback together.
    make_fleet(no_capacity=["small"], latency=0.4, timings=PATIENT)
    spare = save_account(
        Account(
            name="spare",
            kind="sandbox",
            options={**QUICK, "latency": 0.4, "timings": PATIENT},
            max_servers=cap,
            creates_per_minute=1_000_000,
            calls_at_once=1000,
        )
    )
    change_template(fallbacks=[{"account": spare.name}])
    Location.objects.get_or_create(account=spare, region="")
    open_gates(workshop)
    workshop.deaf = True
    servers = [provision() for _ in range(RACERS)]
    step_at_once(servers)
    workshop.deaf = False
    taken = Server.objects.filter(account=spare).exclude(state__in=PROVEN_GONE)
    assert taken.count() == cap
    assert Attempt.objects.filter(account=spare).count() == cap
    # The others wait and say why.
    waiting = Server.objects.filter(
        state="pending", waiting__contains=f"spare has reached its server limit ({cap})"
    )
    workshop.run_until(lambda: waiting.count() == RACERS - cap)
    assert taken.count() == cap


def test_servers_created_together_stay_within_the_rate(workshop: Workshop) -> None:
    account = make_fleet(timings=PATIENT)
    open_gates(workshop)
    Account.objects.update(creates_per_minute=3)
    workshop.deaf = True
    step_at_once([provision() for _ in range(RACERS)])
    assert Attempt.objects.filter(account=account).count() == 3
