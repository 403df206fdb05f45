"""Instances that nobody reaches report, and prove who they are."""

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext, override_settings

from servers.api.callback import MAX_BODY_BYTES
from servers.machine.callback.tokens import make_token
from servers.models import Attempt, Host, Server
from servers.operations.callback import REFUSED
from servers.operations.terminate import terminate_server
from tests.api.callback.calling import GO_ON, is_refused, remember
from tests.api.conftest import Call
from tests.support.fleet import Workshop
from tests.support.reporters import (
    SECRET,
    Reporter,
    give_token,
    make_callback_fleet,
    start_server,
)

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_report_that_is_repeated_changes_nothing_more(workshop: Workshop) -> None:
    make_callback_fleet()
    server = start_server(workshop)
    reporter = Reporter(give_token(server))
    for _ in range(2):  # as if the first answer was lost
        assert reporter.boot("booting", "Start Docker").json() == GO_ON
    assert reporter.boot("ready", ("Start Docker", 1)).json() == GO_ON
    booted = Host.objects.get().booted_at
    # Late, by a slow link: older than what is known.
    for phase in ("booting", "failed", "ready"):
        assert reporter.boot(phase, "Start Docker").json() == GO_ON
    host = Host.objects.get()
    assert (host.booted_at, host.boot_failed) == (booted, False)
    assert [step["seconds"] for step in host.boot_steps] == [1.0]
    workshop.run_to("running", server)
    assert reporter.boot("ready").json() == GO_ON
    assert reporter.beat().json() == GO_ON


def test_a_token_works_only_with_the_secret_that_was_there_first(
    workshop: Workshop,
) -> None:
    make_callback_fleet()
    server = start_server(workshop)
    token = give_token(server)
    before = remember(server)
    for secret in ("", "short", SECRET.upper(), "ы" * 64, "x" * 5000):
        assert is_refused(Reporter(token, secret).boot("ready"))
    assert remember(server) == before
    assert Reporter(token).boot("booting").json() == GO_ON
    before = remember(server)
    assert is_refused(Reporter(token, "ab" * 32).boot("ready"))
    assert is_refused(Reporter(make_token()).boot("ready"))
    assert remember(server) == before
    assert token not in str(before)
    assert SECRET not in str(before)


def test_whoever_is_refused_gets_one_answer_and_changes_nothing(
    workshop: Workshop, call: Call
) -> None:
    make_callback_fleet()
    first, other = start_server(workshop), start_server(workshop)
    reporter = Reporter(give_token(first))
    Reporter(give_token(other), "cd" * 32).boot("booting")
    assert reporter.boot("booting").json() == GO_ON
    before = remember(first), remember(other)
    answers = [
        # No token, somebody else's, an API token, a session's, odd ones.
        Reporter("").boot("ready"),
        Reporter("cb_" + "a" * 43).boot("ready"),
        Reporter("sf_" + "a" * 12 + "_" + "b" * 43).boot("ready"),
        Reporter("a" * 20_000).boot("ready"),
        Reporter(reporter.token + "\x00", SECRET).boot("ready"),
        Reporter(reporter.token, "cd" * 32).boot("ready"),
        # Not ready, so no heartbeat.
        reporter.beat(drained=True),
        # Nothing that can be read, so no secret.
        reporter.send("boot", b"not json"),
        reporter.send("boot", b"[]"),
        reporter.send("boot", b'{"phase":"ready","secret":["' + b"5e" * 32 + b'"]}'),
        Reporter(make_token()).send("boot", b"not json"),
    ]
    assert all(map(is_refused, answers)), [each.content for each in answers]
    assert len({(each.status_code, each.content) for each in answers}) == 1
    # Too large, whoever sends it.
    large = [
        each.send("boot", b'{"log":"' + b"A" * size + b'"}')
        for each in (reporter, Reporter(make_token()))
        for size in (MAX_BODY_BYTES, 2**20)
    ]
    assert {each.status_code for each in large} == {413}
    assert len({each.content for each in large}) == 1
    assert (remember(first), remember(other)) == before
    assert call("GET", "/api/callback/boot").status_code == 405


def test_what_is_wrong_with_a_body_is_told_to_the_instance_alone(
    workshop: Workshop,
) -> None:
    make_callback_fleet()
    server = start_server(workshop)
    reporter = Reporter(give_token(server))
    before = remember(server)
    wrong: list[Any] = [
        {},
        {"phase": "gone"},
        {"phase": True},
        {"phase": "ready", "steps": {}},
        {"phase": "ready", "steps": [{"name": 1}]},
        {"phase": "ready", "steps": [{"name": "x", "seconds": "long"}]},
        {"phase": "ready", "steps": [{"name": "x", "seconds": 1e300}]},
        {"phase": "ready", "steps": [{"name": "x", "more": 1}]},
        {"phase": "ready", "steps": [{"name": "x", "ok": "yes"}]},
        {"phase": "ready", "log": ["x"]},
        {"phase": "ready", "server": "other"},
    ]
    for body in wrong:
        answer = reporter.send("boot", body)
        assert answer.status_code == 400, body
        assert answer.json()["message"] not in {"", REFUSED}
    assert remember(server) == before
    odd = [{"name": "\x1b[31m\u202ex" * 20, "seconds": -5, "ok": False}]
    assert (
        reporter.send("boot", {"phase": "booting", "steps": odd * 110}).status_code
        == 200
    )
    steps = Host.objects.get().boot_steps
    assert (len(steps), len(steps[0]["name"]), steps[0]["seconds"]) == (100, 100, 0.0)
    assert steps[0]["name"].isprintable()


@override_settings(RATE_ADDRESS=40)
def test_a_flood_is_turned_away_and_locks_no_instance_out(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("servers.api.callback.MAX_REPORTS", 3)
    make_callback_fleet()
    server = start_server(workshop)
    reporter = Reporter(give_token(server))
    guess = Reporter(make_token())
    answers = [guess.boot("ready") for _ in range(6)]
    assert [each.status_code for each in answers] == [401] * 4 + [429] * 2
    assert answers[-1]["Retry-After"]
    # The same address, as behind a NAT.
    assert reporter.boot("ready").json() == GO_ON
    codes = [reporter.boot("ready").status_code for _ in range(3)]
    assert codes == [200, 200, 429]


def test_an_older_attempt_and_a_stopped_server_are_refused(workshop: Workshop) -> None:
    make_callback_fleet()
    server = start_server(workshop)
    old = Reporter(give_token(server))
    assert old.boot("booting").json() == GO_ON
    Server.objects.filter(pk=server.pk).update(state="error", error="…")
    # Refused, the instance would wait for minutes before it hears of its drain. It
    # starts no agent: a server that failed before it ran never runs with this instance.
    assert old.boot("booting").json() == {**GO_ON, "cordon": True}
    Server.objects.filter(pk=server.pk).update(state="pending", instance_id="")
    assert is_refused(old.boot("ready"))
    workshop.run_until(lambda: Attempt.objects.filter(server=server).count() == 2)
    assert is_refused(old.boot("ready"))
    host = Host.objects.get(server=server)
    assert (host.attempt, host.secret_digest, host.booted_at) == (2, "", None)
    workshop.run_to("staging", server)
    new = Reporter(give_token(server))
    assert new.boot("ready").json() == GO_ON
    workshop.run_to("running", server)
    terminate_server(server.name)
    workshop.run_to("stopped", server)
    before = remember(server)
    assert is_refused(new.boot("ready"))
    assert is_refused(new.beat())
    assert remember(server) == before
    host.refresh_from_db()
    assert (host.token_digest, host.secret_digest) == ("", "")


def test_a_heartbeat_costs_two_queries_and_a_report_few(workshop: Workshop) -> None:
    make_callback_fleet()
    server = start_server(workshop)
    reporter = Reporter(give_token(server))
    with CaptureQueriesContext(connection) as asked:
        reporter.boot("booting", "Install Docker", log="a")
    assert len([each for each in asked if "SAVEPOINT" not in each["sql"]]) <= 6
    reporter.boot("ready")
    workshop.run_to("running", server)
    with CaptureQueriesContext(connection) as asked:
        reporter.beat()
    first_words = [each["sql"].split()[0] for each in asked]
    kept = [word for word in first_words if word in {"SELECT", "UPDATE"}]
    assert kept == ["SELECT", "UPDATE"]
    with CaptureQueriesContext(connection) as asked:
        assert is_refused(Reporter(make_token()).beat())
    assert len(asked) == 1
    with CaptureQueriesContext(connection) as asked:
        assert is_refused(Reporter("no token").beat())
    assert len(asked) == 0


def test_a_token_is_found_by_its_index(workshop: Workshop) -> None:
    explain = {"sqlite": "EXPLAIN QUERY PLAN ", "postgresql": "EXPLAIN "}
    rows = Host.objects.filter(token_digest="a" * 64).exclude(token_digest="")
    sql, params = rows.query.sql_with_params()
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SET enable_seqscan = off")
        cursor.execute(explain[connection.vendor] + sql, params)
        plan = str(cursor.fetchall())
        if connection.vendor == "postgresql":
            cursor.execute("SET enable_seqscan = on")
    assert "host_by_token" in plan
