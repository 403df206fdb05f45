"""Names of runners and of servers: a registered agent has another one than its server.

A CI knows a runner by the key of its attempt, and everything else knows servers by
their names. They are translated here, where a snapshot comes in and where cordons go
out.
"""

from collections.abc import Collection
from dataclasses import replace

from servers.lifecycle.keys import parse_key
from servers.models import Queue, Registration
from servers.queues.base import QueueSnapshot


def name_servers(shown: QueueSnapshot) -> QueueSnapshot:
    """Return a snapshot with the names of servers. At most one query."""
    names = {job.server for job in shown.jobs} | shown.agents.keys()
    keys = [name for name in names if parse_key(name) is not None]
    if not keys:
        return shown
    rows = Registration.objects.filter(key__in=keys)
    servers = dict(rows.order_by().values_list("key", "server_name"))
    return replace(
        shown,
        jobs=tuple(
            replace(job, server=servers[job.server]) if job.server in servers else job
            for job in shown.jobs
        ),
        agents={servers.get(name, name): busy for name, busy in shown.agents.items()},
    )


def name_runners(queue: Queue, servers: Collection[str]) -> dict[str, str]:
    """Return the name of each server's runner at a queue's CI. One query."""
    rows = Registration.objects.filter(
        queue=queue, server_name__in=servers, revoked_at=None
    )
    # The last one is of the server's present attempt.
    keys = dict(rows.order_by("asked_at").values_list("server_name", "key"))
    return {name: keys.get(name, name) for name in servers}
