"""A full database disk: requests get a clear error, and nothing is half saved."""

from collections.abc import Iterator

import pytest
from django.db import connection
from django.test import Client

from servers.access.tokens import issue_token
from servers.models import Event, Server
from tests.support.fleet import make_fleet

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.sqlite]


@pytest.fixture
def full_disk() -> Iterator[None]:
    """Limit the database to its current size, as a full disk does."""
    make_fleet()
    with connection.cursor() as cursor:
        cursor.execute("VACUUM")  # tests before this one may leave free pages
        cursor.execute("PRAGMA page_count")
        (pages,) = cursor.fetchone()
        cursor.execute(f"PRAGMA max_page_count={pages}")
    yield
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA max_page_count=1073741823")


def test_posts_are_refused_and_reads_still_work(full_disk: None) -> None:
    token = issue_token("ci", scopes=["servers:write"])
    client = Client(headers={"authorization": f"Bearer {token}"})
    statuses = []
    for _ in range(300):
        answer = client.generic("POST", "/api/servers")
        statuses.append(answer.status_code)
        if answer.status_code != 200:
            break
    assert statuses[-1] == 503
    assert "disk is full" in answer.json()["message"]
    assert answer["Retry-After"]
    assert client.get("/api/servers").status_code == 200
    made = Server.objects.count()
    assert made == statuses.count(200)
    assert Event.objects.filter(kind="requested").count() == made
