"""A try of a template: a server becomes ready, is terminated and is reported."""

from datetime import UTC, datetime
from typing import Any

import pytest
from django.db.models import F

from servers.models import Account, Server, Template
from servers.operations.accounts import save_account
from servers.operations.change import Change, change_server
from servers.operations.templates import save_template
from servers.reconciler import purge_history
from tests.api.conftest import Call
from tests.support.fleet import Workshop, live_keys

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.pure]

PATH = "/api/templates/default/try"


def misbehave(**options: Any) -> None:
    account = Account.objects.get()
    account.options = {**account.options, **options}
    save_account(account)


def test_it_becomes_ready_is_terminated_and_is_reported(
    call: Call, workshop: Workshop
) -> None:
    assert call("GET", PATH).status_code == 404
    answer = call("POST", PATH)
    assert answer.status_code == 202
    name = answer.json()["server"]
    assert name.startswith("try-default-")
    # Another try meanwhile is the same one.
    assert call("POST", PATH).json()["server"] == name
    assert call("GET", PATH).json()["outcome"] == "under way"
    workshop.run_to("stopped", Server.objects.get())
    told = call("GET", PATH).json()
    assert (told["server"], told["outcome"], told["error"]) == (name, "works", "")
    assert told["gone"] is True
    states = [step["state"] for step in told["steps"]]
    assert states == [
        "pending", "creating", "created", "staging", "running",
        "shutdown", "stopping", "stopped",
    ]  # fmt: skip
    seconds = [step["seconds"] for step in told["steps"]]
    assert seconds == sorted(seconds)
    assert told["queued_seconds"] == pytest.approx(seconds[1], abs=0.01)
    boot = told["boot_seconds"]
    assert boot == pytest.approx(seconds[4] - seconds[1], abs=0.01)
    assert live_keys(Account.objects.get()) == []
    assert call("POST", PATH).json()["server"] != name


def test_a_failed_try_is_terminated_with_its_reason(
    call: Call, workshop: Workshop
) -> None:
    misbehave(images=["another"])
    call("POST", PATH)
    workshop.run_to("stopped", Server.objects.get())
    told = call("GET", PATH).json()
    assert (told["outcome"], told["boot_seconds"], told["gone"]) == (
        "failed",
        None,
        True,
    )
    assert told["error"]
    assert "error" in [step["state"] for step in told["steps"]]


def test_a_try_that_is_not_ready_in_time_is_terminated(
    call: Call, workshop: Workshop
) -> None:
    misbehave(boot=600)
    call("POST", PATH)
    server = Server.objects.get()
    workshop.run_to("created", server)
    Server.objects.update(
        trial_until=F("created_at"), next_step_at=F("created_at"), deadline_at=None
    )
    workshop.run_to("stopped", server)
    told = call("GET", PATH).json()
    assert told["outcome"] == "failed"
    assert told["error"] == "Trial run finished: the server was not ready in time."
    assert live_keys(Account.objects.get()) == []


def test_changing_its_labels_does_not_keep_a_try(
    call: Call, workshop: Workshop
) -> None:
    name = call("POST", PATH).json()["server"]
    change_server(name, Change(labels={}, ttl=0))
    workshop.run_to("stopped", Server.objects.get())


def test_a_disabled_account_or_a_full_cap_is_409(call: Call) -> None:
    Account.objects.update(enabled=False)
    assert call("POST", PATH).status_code == 409
    Account.objects.update(enabled=True, max_servers=0)
    assert call("POST", PATH).status_code == 409
    assert not Server.objects.exists()


def test_a_template_of_the_longest_name_can_be_tried(call: Call) -> None:
    template = Template.objects.get()
    template.name = "a" * 63
    save_template(template)
    answer = call("POST", f"/api/templates/{template.name}/try")
    assert answer.status_code == 202
    assert len(answer.json()["server"]) <= 63


def test_a_purged_try_is_not_reported(call: Call, workshop: Workshop) -> None:
    call("POST", PATH)
    workshop.run_to("stopped", Server.objects.get())
    Server.objects.update(stopped_at=datetime(2020, 1, 1, tzinfo=UTC))
    purge_history()
    assert call("GET", PATH).status_code == 404
