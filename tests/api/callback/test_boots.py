"""What instances report of their boot, its failure and its log."""

import json
from typing import Any

import pytest

from servers.errors import InvalidError
from servers.models import Attempt, Event, Instance, Server
from servers.operations.terminate import retry_server, terminate_server
from tests.api.callback.calling import AGENT, GO_ON
from tests.api.conftest import Call
from tests.support.fleet import Workshop
from tests.support.reporters import (
    Reporter,
    give_token,
    make_callback_fleet,
    start_server,
)

pytestmark = pytest.mark.django_db(transaction=True)


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
