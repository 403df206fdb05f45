"""SIGKILL at every commit of a cordon, and of its end: one agent, and no build is cut.

What a kill between two calls to Docker leaves is in tests/machine/test_agent_cordon.py.
"""

import time
from collections.abc import Callable
from functools import partial
from typing import Final

import pytest
from django.utils import timezone

from servers import engine
from servers.models import Host, Server
from servers.operations.cordon import cordon_server, uncordon_server
from tests.engine.test_agents import boot, name_agent
from tests.support import standins
from tests.support.ageing import jump
from tests.support.crash import kill_at, run_in_child, was_killed
from tests.support.dockerd import require_dockerd
from tests.support.fleet import Workshop, make_fleet, world_of
from tests.support.machines import provision_at

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

RUN, DONE = "build runs", "build done"
COMMITS: Final = frozenset({"commit done"})
LEASE: Final = 6.0
DEAF: Final = 5.0  # for so long after its start an agent is not told


def act(change: Callable[[str], Server], server: Server) -> None:
    change(server.name)
    engine.advance(server.pk)


def test_a_kill_at_any_commit_of_a_cordon_leaves_one_agent_that_follows(
    workshop: Workshop,
) -> None:
    require_dockerd()
    account = make_fleet()
    name_agent("drone")
    server, address = provision_at(account)
    followed = Host.objects.filter(server=server, agent_behind_since=None)

    def kill(change: Callable[[str], Server], number: int) -> bool:
        """Have it killed at this commit, and another worker go on. False: too late."""
        workshop.deaf = True
        child = run_in_child(partial(act, change, server), kill_at(number, COMMITS))
        killed = was_killed(child)
        change(server.name)  # whoever got no answer asks again
        jump(LEASE, world_of(account))
        Server.objects.update(next_step_at=timezone.now())
        workshop.deaf = False
        workshop.run_until(followed.exists)
        return killed

    with boot(workshop, server, address) as host:
        standins.add_images(host.daemon, ("drone",))
        workshop.run_to("running", server)
        log, killed, number = [RUN], 0, 0
        while killed == 2 * number:
            number += 1
            host.wait_for_log(*log)
            time.sleep(DEAF)
            killed += kill(cordon_server, number)
            (agent,) = host.list_agents()
            with host.connect() as docker:
                docker.kill(agent, "SIGUSR1")
            log.append(DONE)
            host.wait_for_log(*log)
            killed += kill(uncordon_server, number)
            log.append(RUN)
            host.wait_for_log(*log)
            assert host.list_agents() == [agent]
            assert host.read_log() == log
        server.refresh_from_db()
        assert server.state == "running"
    print(f"{killed} commits of a cordon and of its end")
    assert killed >= 4
