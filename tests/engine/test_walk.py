"""The main job: a server is provisioned, used and terminated."""

import time
from datetime import timedelta
from typing import Any

import pytest

from servers.lifecycle.states import Outcome
from servers.models import Account, Attempt, Event, Instance, Location, Server
from servers.operations.terminate import retry_server, terminate_server
from tests.support.fleet import (
    TIMINGS,
    Workshop,
    change_template,
    live_keys,
    make_fleet,
    provision,
    world_of,
)
from tests.support.worlds import add_instance, vanish

pytestmark = pytest.mark.django_db(transaction=True)


def states_of(server: Server) -> list[str]:
    return [
        event.to_state
        for event in Event.objects.filter(server_uid=server.pk)
        if event.to_state
    ]


def test_a_server_walks_through_all_states_and_leaves_nothing(
    workshop: Workshop,
) -> None:
    account = make_fleet()
    server = provision()
    workshop.run_to("running", server)
    assert server.instance_id
    assert server.address
    assert server.started_at
    assert len(live_keys(account)) == 1
    terminate_server(server.name)
    workshop.run_to("stopped", server)
    assert server.stopped_at
    assert live_keys(account) == []
    assert states_of(server) == [
        "pending",
        "creating",
        "created",
        "staging",
        "running",
        "shutdown",
        "stopping",
        "stopped",
    ]


def test_it_walks_with_every_hint_lost(workshop: Workshop) -> None:
    make_fleet()
    workshop.deaf = True
    server = provision()
    # Only the tick is left, and its hints are lost too, so the test finds the rows.
    server.refresh_from_db()
    assert server.state == "pending"
    workshop.deaf = False
    workshop.run_to("running", server)


def test_a_delete_during_pending_is_never_lost(workshop: Workshop) -> None:
    account = make_fleet()
    server = provision()
    terminate_server(server.name)
    workshop.run_to("stopped", server)
    assert Attempt.objects.count() == 0
    assert live_keys(account) == []


def test_a_delete_during_creating_destroys_the_created_instance(
    workshop: Workshop,
) -> None:
    account = make_fleet(
        faults={"timeout_after": 1.0},
        visibility=2.5,
        timings={**TIMINGS, "settle": 4.0},
    )
    server = provision()
    workshop.run_to("creating", server)
    terminate_server(server.name)
    workshop.run_to("stopped", server)
    assert live_keys(account) == []
    assert len(world_of(account).instances()) == 1


def test_a_call_without_answer_is_found_by_its_key(workshop: Workshop) -> None:
    account = make_fleet(faults={"timeout_after": 1.0})
    server = provision()
    workshop.run_to("running", server)
    assert len(world_of(account).instances()) == 1


def test_a_call_that_never_arrived_is_tried_again_after_its_settle_time(
    workshop: Workshop,
) -> None:
    account = make_fleet(faults={"timeout_before": 1.0})
    server = provision()
    workshop.run_to("creating", server)
    Account.objects.filter(pk=account.pk).update(
        options={**account.options, "faults": {}}
    )
    workshop.run_to("running", server)
    # On a busy machine a step may stop before its call, since too much of its lease has
    # passed. Its attempt is absent, too.
    first, *held, last = Attempt.objects.order_by("number")
    assert {first.outcome, *(each.outcome for each in held)} == {Outcome.ABSENT}
    assert last.outcome == Outcome.ACCEPTED
    assert first.looked_at is not None
    assert first.looked_at >= first.lease_end + timedelta(seconds=TIMINGS["settle"])
    assert len(live_keys(account)) == 1


@pytest.mark.parametrize(
    ("options", "wishes", "words"),
    [
        ({}, {"image": "no-such-image"}, "no-such-image"),
        ({"sizes": ["large"]}, {}, "no size small"),
        ({"quota": 1}, {}, "quota"),
    ],
)
def test_a_refusal_leads_to_error_with_the_clouds_words_and_no_loop(
    workshop: Workshop, options: dict[str, Any], wishes: dict[str, str], words: str
) -> None:
    account = make_fleet(**options)
    if "quota" in options:
        add_instance(world_of(account), region="", tags={}, now=time.time())
    server = provision(**wishes)
    workshop.run_to("error", server)
    assert words in server.error
    workshop.run_for(0.5)
    assert Attempt.objects.count() == 1
    assert Attempt.objects.get().outcome == Outcome.REFUSED


def test_wrong_credentials_end_in_error_with_a_sentence(workshop: Workshop) -> None:
    make_fleet(expected_token="right")
    server = provision()
    workshop.run_to("error", server)
    assert "token is not valid" in server.error
    assert Location.objects.get().health == Location.Health.REFUSED
    assert Attempt.objects.count() == 0


def test_throttling_is_waited_out(workshop: Workshop) -> None:
    make_fleet(faults={"throttled": 0.2}, seed=1)
    server = provision()
    workshop.run_to("running", server, seconds=60)


def test_a_full_size_falls_back_to_the_next_placement(workshop: Workshop) -> None:
    make_fleet(no_capacity=["small"])
    change_template(fallbacks=[{"size": "medium"}])
    server = provision()
    workshop.run_to("running", server)
    first, *others = Attempt.objects.order_by("number").values_list("size", flat=True)
    # On a busy machine a call may come too late to be sent, and is tried again.
    assert (first, {*others}) == ("small", {"medium"})
    assert server.size == "medium"


def test_an_errored_server_is_retried_once_nothing_is_left(workshop: Workshop) -> None:
    account = make_fleet(images=["debian-12"])
    server = provision()
    workshop.run_to("error", server)
    Account.objects.filter(pk=account.pk).update(
        options={**account.options, "images": ["ubuntu-24.04"]}
    )
    retry_server(server.name)
    workshop.run_to("running", server)
    assert server.error == ""


def test_an_instance_that_vanished_is_believed_gone_after_two_listings_and_a_get(
    workshop: Workshop,
) -> None:
    account = make_fleet()
    server = provision()
    workshop.run_to("running", server)
    vanish(world_of(account), server.instance_id, time.time())
    workshop.run_to("error", server)
    assert not Instance.objects.get().live


def test_a_server_ends_at_its_time_to_live(workshop: Workshop) -> None:
    make_fleet()
    server = provision(ttl=3600)
    workshop.run_to("running", server)
    early = server.created_at - timedelta(hours=2)
    Server.objects.filter(pk=server.pk).update(created_at=early, next_step_at=early)
    workshop.run_to("stopped", server)


def test_a_boot_that_never_ends_is_given_up_and_then_destroyed(
    workshop: Workshop, settings: object
) -> None:
    settings.BOOT_DEADLINE = 0.5  # type: ignore[attr-defined]
    settings.ERROR_RETENTION = 0.5  # type: ignore[attr-defined]
    account = make_fleet(faults={"never_boots": 1.0})
    server = provision()
    workshop.run_to("error", server)
    assert "deadline" in server.error
    workshop.run_to("stopped", server)
    assert live_keys(account) == []


def test_an_errored_server_without_instance_leaves_the_list_at_once(
    workshop: Workshop,
) -> None:
    make_fleet(images=["debian-12"])
    server = provision()
    workshop.run_to("error", server)
    assert terminate_server(server.name) is None
    assert not Server.objects.filter(hidden=False).exists()
    again = provision(name=server.name)
    workshop.run_until(
        lambda: Server.objects.filter(pk=server.pk, state="stopped").exists()
    )
    assert again.pk != server.pk
