"""The fleet's switches and unowned instances, decided by several admins at once."""

import uuid
from collections import Counter
from typing import Any

import pytest

from servers.lifecycle.keys import make_key
from servers.models import Account, Event, Fleet, Instance, Leftover, Location, Server
from servers.operations.fleet import pause_fleet, resume_fleet
from servers.records.ledger import database_now
from tests.support.crew import (
    ROUNDS,
    Person,
    Told,
    count_events,
    last_event,
    press,
    send_at_once,
    sort_out,
)
from tests.support.fleet import Workshop, provision

pytestmark = pytest.mark.django_db(transaction=True)


_LIGHT = "/tokens/"  # a page that is quickly made


def make_unowned(account: Account, number: int, **columns: Any) -> Instance:
    return Instance.objects.create(
        account=account,
        first_seen=database_now(),
        instance_id=f"i-{number}",
        name=f"unowned-{number}",
        key=str(make_key("ci", uuid.uuid4(), 1)),
        live=True,
        **{"verdict": "unexplained", **columns},
    )


def test_the_fleets_switches_are_thrown_once(crew: list[Person]) -> None:
    for _ in range(ROUNDS):
        since = last_event()
        press(crew, "/pause/", note="night", next=_LIGHT)
        assert count_events(since, kind="paused") == 1
        sort_out(press(crew, "/resume/", next=_LIGHT), "The pause flag is cleared")
        assert count_events(since, kind="resumed") == 1
        press(crew, "/freeze/", note="night")
        press(crew, "/unfreeze/", next=_LIGHT)
        assert count_events(since) == 4
        # Against each other: each change has its event, and the last one stands.
        for before in (pause_fleet, resume_fleet):
            before()
            since = last_event()
            back = {"next": _LIGHT}
            send_at_once(crew, [("/pause/", back), ("/resume/", back)] * 2)
            kinds = list(
                Event.objects.filter(pk__gt=since)
                .order_by("pk")
                .values_list("kind", flat=True)
            )
            assert Counter(kinds)["paused"] <= 2
            assert Counter(kinds)["resumed"] <= 2
            net = kinds.count("paused") - kinds.count("resumed")
            was = before is pause_fleet
            assert Fleet.objects.get().paused is (was + net == 1)


def test_an_unowned_instance_is_adopted_or_destroyed_by_one(crew: list[Person]) -> None:
    account = Account.objects.get()
    for number in range(ROUNDS):
        unowned = make_unowned(account, number)
        since = last_event()
        acts = ("adopt", "destroy", "destroy", "adopt")
        told = send_at_once(crew, [(f"/leaks/{unowned.pk}/{act}/", {}) for act in acts])
        adopted, destroyed, _ = sort_out(
            [Told(one.status, one.path, " ".join(one.said)) for one in told],
            f"Adopted as server unowned-{number}.",
            "The instance will be destroyed.",
            f"{unowned.instance_id} no longer needs a decision. Reload and look again.",
        )
        assert adopted + destroyed == 1
        assert count_events(since) == 1
        unowned.refresh_from_db()
        assert Server.objects.filter(name=unowned.name).count() == adopted
        assert (unowned.condemned_at is not None) is bool(destroyed)
        assert (unowned.verdict == "ours") is bool(adopted)


def test_what_waits_for_a_person_is_destroyed_once(
    crew: list[Person], workshop: Workshop
) -> None:
    account = Account.objects.get()
    server = provision(name="old")
    workshop.run_to("running", server)
    attempt = server.attempts.get()
    attempt.outcome = "abandoned"
    attempt.save()
    location = Location.objects.get(account=account)
    for number in range(ROUNDS):
        unowned = [
            make_unowned(
                account,
                number * 10 + each,
                verdict="orphan",
                attempt=attempt,
                server_uid=server.pk,
            )
            for each in range(3)
        ]
        Location.objects.filter(pk=location.pk).update(held=len(unowned))
        since = last_event()
        told = press(crew, "/leaks/destroy-held/", account=account.name, region="")
        said = [one.said[0] for one in told]
        counts = [int(text.split()[0]) for text in said if "will be" in text]
        assert sum(counts) == count_events(since)
        assert all(counts)
        assert {text for text in said if "will be" not in text} <= {
            "Nothing there needs a decision any more. Reload and look again."
        }
        left = Instance.objects.filter(live=True, condemned_at=None)
        assert left.filter(pk__in=[each.pk for each in unowned]).count() == 0
        leftover = Leftover.objects.create(
            account=account,
            first_seen=database_now(),
            resource_id=f"vol-{number}",
            kind="volume",
        )
        since = last_event()
        told = press(crew, f"/leaks/leftovers/{leftover.pk}/delete/")
        deleted, _ = sort_out(
            told, "The leftover will be deleted.", "no longer needs a decision"
        )
        assert (deleted, count_events(since)) == (1, 1)
