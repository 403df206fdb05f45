"""Instances that nobody reaches report their boot, and prove who they are."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.cache import cache
from django.db import connection
from django.db.models.functions import Now
from django.test.utils import CaptureQueriesContext, override_settings

from servers.api.callback import MAX_BODY_BYTES, reports
from servers.api.shared import limits
from servers.errors import InvalidError
from servers.lifecycle.conditions import Met, NotYet
from servers.machine.callback.tokens import make_token
from servers.models import Attempt, Event, Host, Instance, Server
from servers.operations.callback import REFUSED
from servers.operations.terminate import retry_server, terminate_server
from servers.placing.machines import describe_machine_of
from servers.records.ledger import database_now
from servers.reports.why import explain_server
from tests.api.conftest import Call
from tests.support.ageing import jump
from tests.support.fleet import Workshop, world_of
from tests.support.reporters import (
    SECRET,
    URL,
    Reporter,
    give_token,
    make_callback_fleet,
    start_server,
)

pytestmark = pytest.mark.django_db(transaction=True)
GO_ON = {"cordon": False, "drain": False, "again": 30}
AGENT = {"cloud_init": "docker", "build_labels": {"ci": "1"}}


@pytest.fixture(autouse=True)
def public_url(settings: Any) -> Iterator[None]:
    settings.PUBLIC_URL = URL
    for counter in (reports, limits.refusals):
        counter.forget()
    cache.clear()
    yield
    for counter in (reports, limits.refusals):
        counter.forget()


def remember(server: Server) -> list[Any]:
    """Return all that a report could change."""
    host = Host.objects.filter(server=server).values()
    return [*host, *Server.objects.filter(pk=server.pk).values()]


def is_refused(answer: Any) -> bool:
    said = answer.json() == {"message": REFUSED}
    asks = answer.headers["WWW-Authenticate"] == "Bearer"
    return bool(said and asks and answer.status_code == 401)


def test_a_server_runs_once_its_instance_reports_that_it_is_ready(
    workshop: Workshop, call: Call
) -> None:
    make_callback_fleet()
    server = start_server(workshop)
    path = f"/api/servers/{server.name}"
    why = call("GET", f"{path}/why").json()
    assert "The instance has not called back yet." in str(why)
    reporter = Reporter(give_token(server))
    done = ("Install Docker", 21.44)
    assert reporter.boot("booting", done, "Pull alpine", log="a\n").json() == GO_ON
    why = call("GET", f"{path}/why").json()
    assert 'It reported its boot step "Pull alpine", which has been' in str(why)
    answer = reporter.boot("ready", done, ("Pull alpine", 3), log="a\nb\n")
    assert answer.json() == GO_ON
    workshop.run_to("running", server)
    ready = Event.objects.get(server=server, kind="ready")
    assert ready.reason == "The instance reported that it is ready."
    told = call("GET", f"{path}/log", scopes=["servers:read"]).json()
    assert (told["attempt"], told["phase"], told["log"]) == (1, "ready", "a\nb\n")
    steps = [(step["name"], step["seconds"], step["ok"]) for step in told["steps"]]
    assert steps == [("Install Docker", 21.4, True), ("Pull alpine", 3.0, True)]
    assert abs(told["steps"][0]["at"] - told["heard"]) < 60


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


def test_a_failed_server_hears_of_its_drain_as_soon_as_a_running_one(
    workshop: Workshop,
) -> None:
    make_callback_fleet(**AGENT)
    server = start_server(workshop)
    reporter = Reporter(give_token(server))
    reporter.boot("ready")
    workshop.run_to("running", server)
    Server.objects.filter(pk=server.pk).update(state="error", error="…")
    # Refused, the instance would wait for minutes before it asks again.
    assert reporter.beat(builds=["b1"]).json() == GO_ON
    terminate_server(server.name)
    assert reporter.beat(builds=["b1"]).json()["drain"] is True


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


def test_a_boot_that_failed_is_tried_again_and_then_told_with_the_logs_end(
    workshop: Workshop, settings: Any
) -> None:
    settings.CREATE_TRIES = 2
    make_callback_fleet()
    server = start_server(workshop)
    log = "== Install Docker\nE: Unable to locate package docker.io\n"
    failed = Reporter(give_token(server)).boot("failed", "Install Docker", log=log)
    assert failed.json() == GO_ON
    workshop.run_until(lambda: Attempt.objects.filter(server=server).count() == 2)
    said = (
        'The instance reported that its boot failed at the step "Install Docker". Its '
        'boot log ends with "== Install Docker / E: Unable to locate package '
        'docker.io".'
    )
    first = Attempt.objects.get(server=server, number=1)
    assert (first.outcome, first.answer) == ("abandoned", said)
    workshop.run_to("staging", server)
    Reporter(give_token(server)).boot("failed", "Install Docker", log=log)
    workshop.run_to("error", server)
    assert server.error == (
        f"{said} No attempts are left. Retry or terminate the server."
    )
    assert server.instance_id  # kept for a while, to look at
    terminate_server(server.name)
    workshop.run_to("stopped", server)


def test_the_deadline_says_what_was_reported_last(
    workshop: Workshop, settings: Any
) -> None:
    make_callback_fleet()
    server = start_server(workshop)
    log = "Pulling\nWaiting for registry.example.com\n"
    Reporter(give_token(server)).boot("booting", "Pull alpine", log=log)
    Server.objects.filter(pk=server.pk).update(
        deadline_at=server.state_since, next_step_at=server.state_since
    )
    workshop.run_to("error", server)
    assert server.error.startswith(
        "The server was still staging at its deadline. It reported its boot step "
        '"Pull alpine", which has been running since '
    )
    assert server.error.endswith(
        'Its boot log ends with "Pulling / Waiting for registry.example.com". Retry or '
        "terminate it."
    )
    retry_refused = pytest.raises(Exception, match="instance")
    with retry_refused:
        retry_server(server.name)


def test_the_log_is_cleaned_shortened_and_shows_no_secret(
    workshop: Workshop, call: Call
) -> None:
    make_callback_fleet(
        **AGENT,
        agent="drone",
        agent_environment='{"DRONE_RPC_SECRET": "needle-agent", '
        '"DRONE_RPC_HOST": "drone.example.com", "DRONE_RPC_PROTO": "https"}',
        commands="docker login --password-stdin\nexport NPM_TOKEN='needle-npm'\n"
        "mirror --token needle-option https://mirror.example\n",
        files=json.dumps(
            [
                {
                    "path": "/etc/x",
                    "content": 'DB_PASSWORD=needle-db\nAPI_KEY: "needle-api"\n'
                    "needle of a line\n",
                }
            ]
        ),
    )
    server = start_server(workshop)
    reporter = Reporter(give_token(server))
    key = "-----BEGIN EC PRIVATE KEY-----\nneedle-key\n-----END EC PRIVATE KEY-----"
    log = (
        "\x1b[31mred\x1b[0m\x07\u202e\ufffd\n10%\r50%\r100%\r\n"
        f"+ export DRONE_RPC_SECRET=needle-agent {reporter.token}\n"
        "+ mysql -p needle-db --key needle-api needle-option\n+ needle of a line\n"
        "https://user:needle-url@mirror.example/ docker login --password-stdin\n"
        f"+ NPM_TOKEN=needle-npm\n{key}\nend"
    )
    reporter.boot("failed", "needle-npm", log="x" * 2**14 + "\n" + log)
    told = call("GET", f"/api/servers/{server.name}/log").json()
    assert len(told["log"]) <= 2**14
    assert "needle" not in str(told)
    assert "red\ufffd\n100%\n" in told["log"]
    assert told["log"].endswith("[hidden]\nend")
    assert "://user:[hidden]@mirror.example/ docker login --password-stdin" in str(told)
    assert reporter.token not in str(told)
    workshop.run_until(lambda: Attempt.objects.filter(server=server).count() == 2)
    assert "needle" not in str([*Event.objects.values(), *Attempt.objects.values()])


def test_a_heartbeat_is_answered_with_cordon_and_drain(
    workshop: Workshop, settings: Any
) -> None:
    make_callback_fleet(**AGENT)
    server = start_server(workshop)
    reporter = Reporter(give_token(server))
    reporter.boot("ready")
    workshop.run_to("running", server)
    # Nobody asked for that.
    assert reporter.beat(builds=["b1"], drained=True).json() == GO_ON
    assert Host.objects.get().drained_at is None
    reporter.beat(agent="ended")
    assert Host.objects.get().agent_missing
    Server.objects.filter(pk=server.pk).update(cordoned=True)
    reporter.beat(agent="ended")
    assert not Host.objects.get().agent_missing
    assert reporter.beat(builds=["b1"]).json() == {**GO_ON, "cordon": True}
    terminate_server(server.name)
    drains = {"cordon": True, "drain": True, "again": 5}
    assert reporter.beat(builds=["b1", "b2"]).json() == drains
    Server.objects.filter(pk=server.pk).update(next_step_at=Now())
    waits = Server.objects.filter(
        waiting__startswith="Waiting for 2 builds to finish. Still running: b1, b2. It"
    )
    workshop.run_until(waits.exists)
    server.refresh_from_db()
    assert server.state == "shutdown"
    assert reporter.boot("ready").json() == drains  # its first answer was lost
    # A build that was sent just before the cordon may not have shown yet.
    settings.DRAIN_RECHECK = 3600
    assert reporter.beat(drained=True).json() == drains
    assert Host.objects.get().drained_at is None
    settings.DRAIN_RECHECK = 0
    assert reporter.beat(drained=True).json() == drains
    workshop.run_to("stopped", server)
    drained = Event.objects.get(server=server, kind="drained")
    said = "The instance reported that its agent and its builds ended."
    assert drained.reason == said


def test_an_instance_that_was_never_ready_is_told_to_drain_and_waited_for(
    workshop: Workshop, settings: Any
) -> None:
    settings.DRAIN_RECHECK = 0
    make_callback_fleet(**AGENT)
    server = start_server(workshop)
    reporter = Reporter(give_token(server))
    terminate_server(server.name)
    workshop.run_for(0.5)
    server.refresh_from_db()
    # Its agent may take builds, although no report has arrived.
    assert server.state == "shutdown"
    why = explain_server(server, now=database_now()).sentence
    assert why.startswith("It is told to drain once it reports next. It waits until ")
    assert why.endswith("longer if it answers, because the server was never ready.")
    drains = {"cordon": True, "drain": True, "again": 5}
    assert reporter.boot("booting", "Install Docker").json() == drains
    told = Host.objects.get().drain_told_at
    assert told is not None
    assert reporter.beat(builds=["b1"], docker="answers").json() == drains
    assert reporter.beat(builds=[], docker="silent").json() == drains
    assert Host.objects.get().drain_told_at == told
    server.refresh_from_db()
    why = explain_server(server, now=database_now()).sentence
    assert why.startswith(f"It was told to drain at {told:%H:%M:%S} UTC, and has not ")
    assert "never ready" not in why
    assert reporter.beat(drained=True).json() == drains
    workshop.run_to("stopped", server)


def test_what_can_have_no_builds_goes_at_once(workshop: Workshop) -> None:
    make_callback_fleet()
    server = start_server(workshop)
    terminate_server(server.name)
    workshop.run_to("stopped", server)
    drained = Event.objects.get(server=server, kind="drained")
    assert drained.reason == "It was never ready, so no build runs on it."


def test_a_drain_that_nobody_could_hear_of_gives_notice_once_servers_are_back(
    workshop: Workshop, settings: Any
) -> None:
    settings.DRAIN_RECHECK = 0
    make_callback_fleet(**AGENT)
    server = start_server(workshop)
    reporter = Reporter(give_token(server))
    reporter.boot("ready")
    workshop.run_to("running", server)
    workshop.deaf = True
    terminate_server(server.name)
    workshop.deaf = False
    # ServerFleet was away for two hours, and the timeout was one.
    jump(7200.0, world_of(server.account))
    workshop.run_for(1)
    server.refresh_from_db()
    assert server.state == "shutdown"
    assert Host.objects.get().checked_at is not None
    assert reporter.beat(builds=["b1"]).json()["drain"] is True
    workshop.run_for(0.5)
    server.refresh_from_db()
    assert server.state == "shutdown"
    jump(200.0, world_of(server.account))
    workshop.run_to("stopped", server)
    drained = Event.objects.get(server=server, kind="drained")
    assert drained.reason == "The drain timeout has passed. Still running: b1."


def test_a_docker_that_hangs_fails_the_checks_of_health(workshop: Workshop) -> None:
    make_callback_fleet(**AGENT)
    server = start_server(workshop)
    reporter = Reporter(give_token(server))
    reporter.boot("ready")
    workshop.run_to("running", server)
    reporter.beat(docker="silent")
    condition = describe_machine_of(server, Host.objects.get()).healthy
    assert condition is not None
    said = NotYet("The instance reported that its Docker does not answer.")
    assert condition.judge("", database_now()) == said
    reporter.beat(docker="answers")
    condition = describe_machine_of(server, Host.objects.get()).healthy
    assert condition is not None
    assert condition.judge("", database_now()) == Met("A heartbeat came.")
    # What an own image sends that knows nothing of it.
    reporter.beat(docker="silent")
    reporter.beat()
    assert not Host.objects.get().docker_silent
    assert reporter.send("heartbeat", {"docker": True}).status_code == 400


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


def test_templates_need_the_public_url(settings: Any) -> None:
    settings.PUBLIC_URL = ""
    with pytest.raises(InvalidError) as refused:
        make_callback_fleet()
    assert "SERVERFLEET_PUBLIC_URL" in refused.value.fields["readiness"][0]


def test_without_the_public_url_no_instance_is_created_that_could_not_call(
    workshop: Workshop, settings: Any
) -> None:
    make_callback_fleet()
    settings.PUBLIC_URL = ""
    server = start_server(workshop, "error")
    assert server.error.startswith("SERVERFLEET_PUBLIC_URL is no longer set")
    assert not Instance.objects.exists()
    assert Attempt.objects.get().outcome == "refused"
