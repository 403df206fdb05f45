"""The metrics have what people must know, and the example alerts use only those."""

import re
import time
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.test import Client

from servers import reconciler
from servers.models import (
    Account,
    Attempt,
    Fleet,
    Heartbeat,
    Instance,
    Location,
    PoolJob,
    Queue,
    Server,
)
from servers.operations.fleet import freeze_destroys
from servers.operations.terminate import terminate_server
from servers.records.ledger import database_now
from tests.support.fleet import (
    Workshop,
    change_template,
    make_fleet,
    provision,
    world_of,
)
from tests.support.pools import make_pool
from tests.support.trouble import start_processes
from tests.support.worlds import add_instance

pytestmark = pytest.mark.django_db(transaction=True)
DOCS = Path(__file__).resolve().parents[2] / "docs"


def read() -> dict[str, float]:
    """Return each sample's value by its name and labels."""
    text = Client().get("/metrics").content.decode()
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    return {name: float(value) for name, _, value in (x.rpartition(" ") for x in lines)}


def set_faults(account: Account, **faults: float) -> None:
    Account.objects.filter(pk=account.pk).update(
        options={**account.options, "faults": faults}
    )


def test_attempts_boots_and_failures_are_counted(workshop: Workshop) -> None:
    account = make_fleet()
    before = read()
    workshop.run_to("running", provision(), provision())
    after = read()
    assert before.get('serverfleet_attempts_total{outcome="accepted"}', 0) == 0
    assert after['serverfleet_attempts_total{outcome="accepted"}'] == 2
    assert after["serverfleet_boot_seconds_count"] == 2
    assert after['serverfleet_boot_seconds_bucket{le="10"}'] == 2
    assert 0 < after["serverfleet_boot_seconds_sum"] < 60
    workshop.run_to("error", provision(image="no-such"))
    set_faults(account, server_error=1.0)
    waiting = provision()
    workshop.run_until(lambda: Location.objects.get().failures > 0)
    failed = read()
    assert failed['serverfleet_attempts_total{outcome="refused"}'] == 1
    assert failed['serverfleet_step_failures_total{reason="Refused"}'] == 1
    assert failed['serverfleet_step_failures_total{reason="UnknownOutcome"}'] >= 1
    assert failed['serverfleet_listing_failures{account="sandbox",region=""}'] >= 1
    terminate_server(waiting.name)


def test_leaks_doubles_and_unconfirmed_terminations_are_reported(
    workshop: Workshop,
) -> None:
    account = make_fleet()
    server = provision()
    workshop.run_to("running", server)
    double = Attempt.objects.get().key
    tags = {"serverfleet-fleet": "ci", "serverfleet-server": server.pk.hex}
    add_instance(
        world_of(account),
        region="",
        tags={**tags, "serverfleet-key": double},
        now=time.time(),
    )
    workshop.run_until(lambda: Instance.objects.filter(verdict="double").exists())
    label = 'serverfleet_leaks{{account="sandbox",outside="{}",region="",verdict="{}"}}'
    assert read()[label.format("false", "double")] == 1
    old = database_now() - timedelta(hours=1)
    Instance.objects.filter(verdict="double").update(first_seen=old)
    assert read()[label.format("true", "double")] == 1
    freeze_destroys(frozen=True)
    terminate_server(server.name)
    workshop.run_to("stopping", server)
    Server.objects.update(state_since=old)
    found = read()
    assert found["serverfleet_unconfirmed"] == 1
    assert 3590 < found["serverfleet_unconfirmed_oldest_seconds"] < 3700
    assert found["serverfleet_destroys_frozen"] == 1


def test_the_switches_the_breaker_and_the_tick_are_reported() -> None:
    make_fleet()
    now = database_now()
    Fleet.objects.update(ticked_at=now - timedelta(seconds=90))
    assert 89 < read()["serverfleet_tick_age_seconds"] < 120
    reconciler.tick()
    assert read()["serverfleet_tick_age_seconds"] < 30
    Account.objects.update(breaker=Account.Breaker.OPEN)
    assert read()['serverfleet_breaker{account="sandbox"}'] == 2
    assert read()["serverfleet_confirmed"] == 1
    Fleet.objects.update(fingerprint="a copy")
    assert read()["serverfleet_confirmed"] == 0
    provision()
    Server.objects.update(next_step_at=now - timedelta(seconds=50))
    assert 49 < read()["serverfleet_due_seconds"] < 80


def test_processes_and_a_standstill_are_reported() -> None:
    make_fleet()
    start_processes()
    told = read()
    assert told['serverfleet_processes{kind="worker",state="working"}'] == 1
    assert told['serverfleet_processes{kind="beat",state="working"}'] == 1
    assert told['serverfleet_standstill{cause="worker-hangs"}'] == 0
    Heartbeat.objects.filter(kind="worker").update(trouble="hangs")
    told = read()
    assert told['serverfleet_processes{kind="worker",state="hanging"}'] == 1
    assert told['serverfleet_standstill{cause="worker-hangs"}'] == 1
    Heartbeat.objects.update(seen_at=database_now() - timedelta(seconds=60))
    told = read()
    assert told['serverfleet_processes{kind="worker",state="silent"}'] == 1
    assert told['serverfleet_standstill{cause="no-worker"}'] == 1
    assert told['serverfleet_standstill{cause="worker-hangs"}'] == 0


@pytest.mark.parametrize("count", [1, 12])
def test_the_metrics_cost_the_same_queries_for_any_number_of_servers(
    workshop: Workshop, count: int, django_assert_num_queries: Any
) -> None:
    make_fleet()
    workshop.run_to("running", *[provision() for _ in range(count)])
    with django_assert_num_queries(27):
        read()


def test_the_rules_and_the_table_name_only_existing_metrics(
    workshop: Workshop,
) -> None:
    make_fleet()
    workshop.run_to("running", provision())
    change_template(price_per_hour=Decimal("0.5"))
    workshop.run_to("running", provision())
    workshop.run_to("error", provision(image="no-such"))
    pool, now = make_pool(), database_now()
    Queue.objects.update(enabled=True)
    PoolJob.objects.create(
        queue=pool.queue, pool=pool, key="1", queued_at=now, started_at=now
    )
    known = {re.split(r"[{ ]", name)[0] for name in read()}
    rules = yaml.safe_load((DOCS / "alerts.rules.yml").read_text())
    (group,) = rules["groups"]
    assert len(group["rules"]) >= 10
    for rule in group["rules"]:
        names = set(re.findall(r"serverfleet_\w+", rule["expr"]))
        assert names
        assert names <= known, rule["alert"]
        assert rule["annotations"]["summary"].endswith(".")
        assert len(rule["annotations"]["description"]) > 40
    told = set(re.findall(r"serverfleet_\w+", (DOCS / "alerts.md").read_text()))
    assert told - {"serverfleet_boot_seconds"} <= known
