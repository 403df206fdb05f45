"""The system's page, the heartbeats behind it, and the page of the proof."""

import re
import time
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.conf import settings
from django.core.management import call_command
from django.test import Client, override_settings

from servers.access.rate_limits import Counter
from servers.drill.service import free_port
from servers.messaging.broker import ask_broker, name_broker
from servers.messaging.heartbeats import (
    record_end,
    replace_predecessor,
    say_farewell,
    write_heartbeat,
)
from servers.models import Account, Event, Heartbeat, Instance, Leftover, Location
from servers.operations.accounts import save_account
from servers.reconciler.purge import purge_history
from servers.records.leases import name_process
from servers.records.ledger import database_now
from tests.support.fleet import Workshop, make_fleet
from tests.support.people import log_in, make_person
from tests.support.trouble import start_processes

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def account(workshop: Workshop) -> Account:
    found = make_fleet()
    workshop.run_until(lambda: bool(Location.objects.get().compared_at))
    return found


def test_a_process_says_that_it_is_there_and_takes_leave() -> None:
    write_heartbeat("worker", begins=True)
    first = Heartbeat.objects.get()
    write_heartbeat("worker")
    again = Heartbeat.objects.get()
    assert (again.name, again.started_at) == (name_process(), first.started_at)
    assert again.seen_at > first.seen_at
    assert again.broker_error == ""
    say_farewell()
    assert not Heartbeat.objects.exists()


def test_a_cache_that_does_not_answer_is_said_and_limits_count_in_the_process() -> None:
    gone = {
        "default": {
            "BACKEND": "django.core.cache.backends.redis.RedisCache",
            "LOCATION": f"redis://127.0.0.1:{free_port()}",
        }
    }
    client = log_in(make_person("admin"))
    counter = Counter("gone", window=3600, every=0.0)
    with override_settings(CACHES=gone):
        page = client.get("/system/").content.decode()
        assert [counter.note("ada") for _ in range(3)] == [1, 2, 3]
    cache = page.partition("<dt>Cache</dt>")[2].partition("</dd>")[0]
    assert "not responding" in cache
    sentence = "Each web process counts requests and failed log-ins separately."
    assert sentence in cache


def test_who_takes_the_place_of_one_that_died_says_so_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SERVERFLEET_PROCESS", "serverfleet-worker@1")
    write_heartbeat("worker", begins=True)
    # The same unit of another machine, and another unit of this one, are others.
    for name, slot in (("other:1", "other:serverfleet-worker@1"), ("x:2", "x:w")):
        Heartbeat.objects.create(
            name=name,
            kind="worker",
            slot=slot,
            started_at=database_now(),
            seen_at=database_now(),
        )
    Heartbeat.objects.filter(name=name_process()).update(name="dead:9")
    write_heartbeat("worker", begins=True)
    for _ in range(2):
        replace_predecessor("worker", tell=True)
    names = set(Heartbeat.objects.values_list("name", flat=True))
    assert names == {name_process(), "other:1", "x:2"}
    (event,) = Event.objects.filter(kind="process_ended")
    assert event.reason.startswith("The worker dead:9 stopped unexpectedly.")
    page = log_in(make_person("viewer")).get("/activity/").content.decode()
    assert "Process stopped" in page
    assert "dead:9 stopped unexpectedly" in page


def test_what_the_supervisor_noted_becomes_one_event() -> None:
    for _ in range(2):
        record_end("17-4", "The process worker was killed by signal 9.")
    (event,) = Event.objects.filter(kind="process_ended")
    assert (event.actor, event.request_id) == ("supervisor", "17-4")


def test_a_standstill_is_on_the_page_and_at_the_command_line() -> None:
    start_processes()
    client = log_in(make_person("viewer"))
    assert "on time" in client.get("/system/").content.decode()
    out = StringIO()
    call_command("fleet", "show", stdout=out)
    assert "working    yes" in out.getvalue()
    Heartbeat.objects.filter(kind="worker").update(trouble="its loop hangs")
    assert "The worker hangs" in client.get("/system/").content.decode()
    call_command("fleet", "show", stdout=out)
    assert "working    no: The worker hangs" in out.getvalue()


def test_the_silent_are_forgotten_after_an_hour() -> None:
    write_heartbeat("worker", begins=True)
    purge_history()
    assert Heartbeat.objects.exists()
    Heartbeat.objects.update(seen_at=database_now() - timedelta(hours=2))
    purge_history()
    assert not Heartbeat.objects.exists()


def test_a_broker_that_is_gone_is_said_without_trying_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from celery import current_app

    assert ask_broker().error == ""
    url = f"redis://user:needle@127.0.0.1:{free_port()}/0"
    with override_settings(BROKER_URL=url):
        monkeypatch.setattr(current_app.conf, "broker_write_url", url)
        begun = time.monotonic()
        answer = ask_broker()
        assert time.monotonic() - begun < 5
        assert "refused" in answer.error
        assert name_broker().startswith("redis://127.0.0.1:")
        page = log_in(make_person("viewer")).get("/system/").content.decode()
    assert "not responding" in page
    assert "needle" not in page


def test_the_page_shows_processes_and_settings_and_no_secret(
    django_assert_max_num_queries: Any,
) -> None:
    write_heartbeat("worker", begins=True)
    client = log_in(make_person("viewer"))
    with django_assert_max_num_queries(9):
        page = client.get("/system/").content.decode()
    assert name_process() in page
    assert "SERVERFLEET_BOOT_DEADLINE" in page
    for secret in (
        settings.SECRET_KEY,
        settings.INSTALLATION_ID + '"',
        *(key.hex() for _, key in _keys()),
    ):
        assert secret not in page


def _keys() -> list[tuple[str, bytes]]:
    return [
        (str(name), bytes(key)) for name, key in dict(settings.ENCRYPTION_KEYS).items()
    ]


def strand(account: Account, verdict: str) -> Instance:
    return Instance.objects.create(
        account=account,
        instance_id="i-1<b>",
        key="k",
        first_seen=database_now() - timedelta(hours=3),
        verdict=verdict,
    )


def test_the_proof_says_what_was_compared_and_when(account: Account) -> None:
    page = log_in(make_person("viewer")).get("/leaks/").content.decode()
    assert "No leaks and no doubles." in page
    assert "0 live instances with the fleet&#x27;s tag in 1 location" in (
        page.replace("fleet's", "fleet&#x27;s")
    )
    assert "Scan now" not in page


def test_a_proof_that_waits_for_a_person_is_not_green(account: Account) -> None:
    strand(account, "unexplained")
    Instance.objects.update(first_seen=database_now())
    page = log_in(make_person("admin")).get("/leaks/").content.decode()
    assert "1 instance needs a decision." in page
    assert "needs a decision</span>" in page
    assert "No leaks and no doubles." not in page


def test_the_proof_names_what_is_in_doubt(account: Account) -> None:
    client = log_in(make_person("admin"))
    strand(account, "orphan")
    page = client.get("/leaks/").content.decode()
    assert "sandbox: 1 unowned instance is older than the bound." in page
    Location.objects.update(compared_at=database_now() - timedelta(hours=1))
    assert "no fresh listing" in client.get("/leaks/").content.decode()


def test_what_waits_for_a_person_is_not_called_clean(account: Account) -> None:
    found = strand(account, "unexplained")
    Instance.objects.filter(pk=found.pk).update(first_seen=database_now())
    page = log_in(make_person("admin")).get("/leaks/").content.decode()
    assert "1 instance needs a decision." in page
    assert "No leaks and no doubles." not in page
    assert ">clean<" not in page


def test_what_waits_for_a_person_comes_first(account: Account) -> None:
    calm = save_account(Account(name="another", kind="sandbox"))
    Location.objects.create(account=calm, compared_at=database_now())
    client = log_in(make_person("admin"))
    assert list_places(client) == ["another", "sandbox"]
    strand(account, "unexplained")
    assert list_places(client) == ["sandbox", "another"]


def list_places(client: Client) -> list[str]:
    page = client.get("/leaks/").content.decode()
    return re.findall(r'<h2 id="location-[^"]+">(\w+)', page)


def test_each_decision_asks_first_and_is_carried_out_once(account: Account) -> None:
    client = log_in(make_person("admin"))
    found = strand(account, "unexplained")
    left = Leftover.objects.create(
        account=account,
        resource_id="vol-1",
        kind="volume",
        first_seen=database_now(),
    )
    for path in (
        f"{found.pk}/destroy",
        f"{found.pk}/adopt",
        f"leftovers/{left.pk}/delete",
    ):
        page = client.get(f"/leaks/{path}/")
        assert page.status_code == 200
        assert "<b>" not in page.content.decode().partition("<main")[2]
    assert client.get("/leaks/destroy-held/?account=%00&region=a").status_code == 200
    page = client.post(f"/leaks/{found.pk}/destroy/", follow=True)
    assert "The instance will be destroyed." in page.content.decode()
    again = client.post(f"/leaks/{found.pk}/destroy/", follow=True)
    assert "no longer needs a decision" in again.content.decode()
    assert client.get("/leaks/999/destroy/").status_code == 404
    viewer = log_in(make_person("viewer"))
    for path in (f"{found.pk}/adopt", f"leftovers/{left.pk}/delete", "destroy-held"):
        assert viewer.post(f"/leaks/{path}/").status_code == 403
        assert viewer.get(f"/leaks/{path}/").status_code == 403
