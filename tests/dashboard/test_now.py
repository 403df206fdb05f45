"""What a page says of now stays true while the page is not sent again."""

import re
from datetime import UTC, datetime, timedelta

import pytest

from servers.access.tokens import issue_token
from servers.models import Fleet, Heartbeat, Location, Token
from servers.records.ledger import database_now
from servers.templatetags.fleet import lately, until
from tests.support.fleet import Workshop, make_fleet
from tests.support.people import log_in, make_person
from tests.support.trouble import start_processes

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def test_what_is_due_is_never_in_the_past() -> None:
    assert "in 5 s" in until(NOW + timedelta(seconds=5), NOW)
    assert 'data-ago="until"' in until(NOW + timedelta(seconds=5), NOW)
    assert "any moment" in until(NOW - timedelta(seconds=5), NOW)
    assert until(None, NOW) == "–"


def test_a_time_that_moves_is_told_by_its_bound() -> None:
    # No <time> that the browser would let grow old.
    assert lately(NOW - timedelta(seconds=4), NOW, 300) == "in the last 5 min"
    assert "6 min ago" in lately(NOW - timedelta(minutes=6), NOW, 300)
    assert lately(None, NOW, 300) == "–"


@pytest.mark.django_db(transaction=True)
def test_no_page_lets_a_tick_a_heartbeat_or_a_use_grow_old_that_goes_on(
    workshop: Workshop,
) -> None:
    make_fleet()
    workshop.run_until(lambda: bool(Location.objects.get().compared_at))
    start_processes()
    issue_token("ci", scopes=["servers:read"])
    now, begun = database_now(), database_now() - timedelta(days=2)
    Fleet.objects.update(ticked_at=now - timedelta(seconds=7), created_at=begun)
    Heartbeat.objects.update(seen_at=now - timedelta(seconds=3))
    Token.objects.update(last_used_at=now - timedelta(seconds=10), created_at=begun)
    moving = {
        Fleet.objects.get().ticked_at,
        *Heartbeat.objects.values_list("seen_at", flat=True),
        Token.objects.get().last_used_at,
    }
    told = {at.isoformat(timespec="seconds") for at in moving if at}
    client = log_in(make_person("admin"))
    for path in ("/", "/system/", "/tokens/"):
        page = client.get(path).content.decode()
        ages = set(re.findall(r'<time datetime="([^"]+)"', page))
        assert not ages & told, path


@pytest.mark.django_db(transaction=True)
def test_the_proof_is_sent_again_with_each_listing(workshop: Workshop) -> None:
    make_fleet()
    client = log_in(make_person("viewer"))
    etag = client.get("/leaks/")["ETag"]
    headers = {"if-none-match": etag, "x-live": "1"}
    workshop.run_until(lambda: bool(Location.objects.get().compared_at))
    assert client.get("/leaks/", headers=headers).status_code == 200
