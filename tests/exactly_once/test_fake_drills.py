"""SIGKILL at random, while servers come and go on a cloud that fails at random.

Each turn of what workers and the scheduler do runs in a child, which is killed at a
random boundary. Meanwhile the fake throttles, fails, cuts answers off, is full, and
shows instances late. In the end each server has exactly one instance, and nothing is
left behind. ``make chaos`` kills two hundred on each cloud's fake.
"""

import os
import random
from collections import Counter
from typing import Any

import pytest

from servers.models import Server
from servers.operations.terminate import terminate_server
from servers.placing.locations import open_location
from tests.clouds.benches import BENCHES
from tests.exactly_once.clouds import FakeBench, list_fakes, make_fake
from tests.support.crash import kill_at, run_in_child, was_killed
from tests.support.fleet import Workshop, provision

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.slow,
    pytest.mark.sqlite,
    pytest.mark.timeout(1800),
]
KILLS = 200 if os.environ.get("CHAOS") else 10
MOST_TURNS = 10 * KILLS
SERVERS = 8
# A turn of a few servers has up to so many boundaries.
FARTHEST = 250
ENDING = {"shutdown", "stopping", "stopped"}


def trouble(fake: Any, chance: random.Random) -> None:
    """Have something go wrong with one of the next calls, at times."""
    role = chance.choice(("create", "list", "destroy", ""))
    match chance.randrange(12):
        case 0:
            fake.throttle(role=role)
        case 1:
            fake.fail(role=role, after=chance.random() < 0.5)
        case 2:
            fake.cut(role=role)
        case 3:
            fake.no_capacity = 1
        case 4 if chance.random() < 0.3:  # each waits for its deadline
            fake.hang(role=role, after=chance.random() < 0.5)
        case _:
            pass


def come_and_go(chance: random.Random) -> None:
    """Request a server, or terminate one."""
    living = [each for each in Server.objects.all() if each.state not in ENDING]
    if len(living) < SERVERS:
        provision()
    elif chance.random() < 0.5:
        terminate_server(chance.choice(living).name)


@pytest.mark.parametrize("cloud", list_fakes() or ["hetznercloud"])
def test_nothing_is_lost_or_doubled_however_often_workers_are_killed(
    workshop: Workshop, cloud: str, request: pytest.FixtureRequest
) -> None:
    bench = BENCHES[cloud]()
    bench.prepare(request.getfixturevalue)
    chance = random.Random(f"{cloud} 1")
    with bench.run() as fake:
        made = make_fake(bench)
        fake.boot, fake.destroying = 0.2, 0.2
        kills = turns = 0
        while kills < KILLS and turns < MOST_TURNS:
            turns += 1
            come_and_go(chance)
            trouble(fake, chance)
            boundary = kill_at(chance.randint(1, FARTHEST))
            kills += was_killed(run_in_child(workshop.turn, boundary))
        print(f"{kills} kills in {turns} turns")
        assert kills == KILLS
        fake.faults.clear()
        fake.no_capacity = 0
        settle(workshop, made)
        check(made)
        for server in Server.objects.exclude(state__in=ENDING):
            terminate_server(server.name)
        settle(workshop, made)
        assert not made.live()
        location = open_location(made.account, bench.region)
        assert location.list_leftovers("ci", deadline=10) == ()


def settle(workshop: Workshop, made: FakeBench) -> None:
    """Run turns until every server rests, and what nobody owns is gone."""

    def resting() -> bool:
        rows = Server.objects.exclude(state__in=["running", "stopped", "error"])
        owned = Counter(each.pk.hex for each in Server.objects.filter(state="running"))
        return not rows.exists() and made.live() == owned

    workshop.run_until(resting, seconds=120)
    workshop.run_for(2.0)


def check(made: FakeBench) -> None:
    """Each running server has one instance, and no other has any."""
    running = Server.objects.filter(state="running")
    assert made.live() == Counter(each.pk.hex for each in running)
    # No capacity ends a server's attempt, never its life, unless it ran out of time.
    assert running.exists()
