"""The way of a request through the rooms of the house, from the API to the cloud."""

import sys
from functools import cache
from itertools import groupby
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from django.test import Client

from servers.access.tokens import issue_token
from servers.models import Location, Server
from tests.support.fleet import TIMINGS, Workshop, make_fleet

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.sqlite]

ROOT = Path(__file__).resolve().parents[2]


class Ways:
    """Note the rooms of each call under way, from the outermost to the innermost."""

    def __init__(self) -> None:
        self.ways: set[tuple[str, ...]] = set()

    def __enter__(self) -> "Ways":
        sys.setprofile(self._note)
        return self

    def __exit__(self, *_: object) -> None:
        sys.setprofile(None)

    def _note(self, frame: FrameType | None, event: str, _arg: Any) -> None:
        if event != "call" or frame is None:
            return
        room, caller = _find_room(frame.f_code.co_filename), frame.f_back
        if not room or (caller and _find_room(caller.f_code.co_filename) == room):
            return
        rooms = []
        while frame is not None:
            rooms.append(_find_room(frame.f_code.co_filename))
            frame = frame.f_back
        inside = reversed([room for room in rooms if room])
        self.ways.add(tuple(room for room, _ in groupby(inside)))

    def list_crossings(self) -> list[tuple[str, ...]]:
        """Return the ways that come into a room, leave it, and come back."""
        return [way for way in self.ways if len(set(way)) < len(way)]


@cache
def _find_room(file: str) -> str:
    path = Path(file)
    if not path.is_relative_to(ROOT):
        return ""
    package, room, *_ = *path.relative_to(ROOT).parts, ""
    return room if package == "servers" else ""


def test_a_request_reaches_the_cloud_and_passes_no_room_twice(
    workshop: Workshop, client: Client
) -> None:
    # Longer than any delay that the profile causes on a slow machine.
    make_fleet(timings={**TIMINGS, "lease": 60.0, "call": 10.0})
    workshop.run_until(
        lambda: Location.objects.filter(compared_at__isnull=False).exists()
    )
    token = issue_token("ci", scopes=["servers:write"])
    with Ways() as asked:
        answer = client.post(
            "/api/servers",
            "{}",
            content_type="application/json",
            headers={"authorization": f"Bearer {token}"},
        )
    assert answer.status_code == 200
    assert ("api", "operations", "messaging") in asked.ways
    with Ways() as stepped:
        workshop.run_until(lambda: Server.objects.get().instance_id != "")
    assert ("engine", "clouds") in stepped.ways
    assert asked.list_crossings() == []
    assert stepped.list_crossings() == []
