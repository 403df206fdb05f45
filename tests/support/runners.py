"""A pool whose queue registers the agents of its servers, at a fake of GitHub."""

from typing import Any
from uuid import uuid4

from servers import pools
from servers.lifecycle.keys import make_key
from servers.models import Attempt, Pool, Queue, Registration, Server, Template
from servers.operations.pools import save_pool
from servers.operations.provision import Request, provision_servers
from servers.operations.queues import save_queue
from servers.operations.templates import save_template
from tests.queues.fakes.github import FakeGitHub

VARIABLE = "ACTIONS_RUNNER_INPUT_JITCONFIG"


def make_registering_pool(github: FakeGitHub, **fields: Any) -> Pool:
    """Create a dry pool of the default template, whose agent needs a registration."""
    template = Template.objects.get(name="default")
    values: dict[str, Any] = {
        "cloud_init": "docker",
        "readiness": "docker",
        "agent": "github",
    }
    values["capacity"] = 1
    for name, value in {**values, **fields}.items():
        setattr(template, name, value)
    save_template(template)
    queue = Queue(
        name="ci",
        kind="github",
        url=github.url,
        options={"organization": "acme", "poll": 3600},
    )
    save_queue(queue, credentials={"token": "token-one"})
    pool = Pool(
        name="linux", template=template, queue=queue, labels={"linux": ""}, dry=True
    )
    return save_pool(pool)


def provision_in(pool: Pool) -> Server:
    """Create one server of a pool."""
    (server,) = provision_servers(Request(template="default", pool=pool.pk))
    return server


def read_queue() -> Queue:
    """Read the only queue, which also removes runners, and return it."""
    pools.read_queue(Queue.objects.get().pk)
    return Queue.objects.get()


def find_row(server: Server) -> Registration:
    """Return the registration of a server's current attempt."""
    return Registration.objects.get(
        server_uid=server.pk, attempt__number=server.attempt_number
    )


def make_name(fleet: str) -> str:
    """Return the name of a runner of a fleet that no attempt has."""
    return str(make_key(fleet, uuid4(), 1))


def list_names(github: FakeGitHub) -> list[str]:
    """Return the names of all runners at GitHub."""
    return [runner["name"] for runner in github.runners.values()]


def list_current_keys() -> list[str]:
    """Return the keys of the current attempts of the servers that have not stopped."""
    rows = Attempt.objects.exclude(server__state="stopped").select_related("server")
    return sorted(
        row.key
        for row in rows
        if row.server is not None and row.number == row.server.attempt_number
    )


def settle() -> None:
    """Have all calls to register an agent be long ago."""
    for row in Registration.objects.all():
        age = row.asked_at - pools.runners.SETTLE
        Registration.objects.filter(pk=row.pk).update(asked_at=age, tried_at=None)
