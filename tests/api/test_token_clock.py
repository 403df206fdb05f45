"""A token expires by the database's clock, not by that of the web process."""

from datetime import datetime, timedelta

import pytest
from django.core.management import call_command
from django.test import Client
from django.utils import timezone

from servers.access.tokens import issue_token
from servers.errors import InvalidError
from servers.models import Token
from servers.records.ledger import database_now
from tests.support.fleet import make_fleet

pytestmark = pytest.mark.django_db(transaction=True)


def ask(token: str) -> int:
    client = Client(headers={"authorization": f"Bearer {token}"})
    return client.get("/api/me").status_code


@pytest.mark.parametrize("off", [timedelta(hours=-2), timedelta(hours=2)])
def test_a_wrong_clock_neither_shortens_nor_extends_a_token(
    monkeypatch: pytest.MonkeyPatch, off: timedelta
) -> None:
    make_fleet()
    real = timezone.now

    def wrong() -> datetime:
        return real() + off

    monkeypatch.setattr(timezone, "now", wrong)
    now = database_now()
    hour = timedelta(hours=1)
    lasting = issue_token("a", scopes=["servers:read"], expires_at=now + hour)
    assert ask(lasting) == 200
    Token.objects.update(expires_at=now - timedelta(seconds=1))
    assert ask(lasting) == 401
    with pytest.raises(InvalidError):
        issue_token("b", scopes=["servers:read"], expires_at=now - hour)
    call_command("createtoken", "c", "--scope", "servers:read", "--expires", "1h")
    ends = Token.objects.get(name="c").expires_at
    assert ends is not None
    assert abs(ends - now - hour) < timedelta(minutes=5)
