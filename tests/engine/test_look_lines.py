"""Servers whose looks find no slot are looked at one after another, without a tick."""

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db.models.functions import Now

from servers import engine
from servers.engine import look_slots
from servers.engine.look_slots import Pace, look_slot
from servers.messaging import dispatch
from servers.models import Server
from servers.placing.lines import Lines
from tests.support.fleet import Workshop, make_fleet
from tests.support.machines import provision_at, set_up_docker

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.sqlite]

SERVERS = 6
SAID = "Nothing accepts connections"


def test_each_server_that_found_no_slot_is_looked_at_once_when_looks_end(
    workshop: Workshop, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    # None is slow, however busy this machine is.
    monkeypatch.setattr(look_slots, "SECONDS", dict.fromkeys(Pace, 30.0))
    monkeypatch.setattr(look_slots, "_lines", Lines(kept_seconds=60.0))
    account = make_fleet()
    set_up_docker()
    servers = [provision_at(account)[0] for _ in range(SERVERS)]
    rows = Server.objects.filter(waiting__contains=SAID)
    workshop.run_until(lambda: rows.count() == SERVERS)
    settings.WORKER_THREADS = 1  # one look at a time
    # Their timers end later than this test.
    later = Now() + timedelta(seconds=9)
    Server.objects.update(waiting="", next_step_at=later)
    with look_slot(uuid4()):
        for server in servers:
            engine.advance(server.pk)
        Server.objects.update(next_step_at=later)
        assert rows.count() == 0
        workshop.hints.clear()
    looked: list[UUID] = []
    while hints := [row for task, row in workshop.hints if task == dispatch.ADVANCE]:
        workshop.hints.clear()
        assert len(hints) == 1  # for the one look that has ended
        looked.append(UUID(hints[0]))
        engine.advance(looked[-1])
        assert rows.count() == len(looked)
    assert looked == [server.pk for server in servers]
