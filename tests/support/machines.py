"""Play the machine of a sandbox's server: what its cloud-init would have done."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from servers.machine.certificates import Keys
from servers.models import Account, Server, Template
from servers.operations.templates import save_template
from servers.records.keys import find_keys
from tests.support.dockerd import Dockerd, find_address, run_dockerd
from tests.support.fleet import Workshop, provision, world_of


def set_up_docker(**fields: Any) -> Template:
    """Have the only template set up Docker, and wait until it answers."""
    template = Template.objects.get()
    values = {"cloud_init": "docker", "readiness": "docker", **fields}
    for name, value in values.items():
        setattr(template, name, value)
    save_template(template)
    return template


def provision_at(account: Account, address: str = "") -> tuple[Server, str]:
    """Create a server whose instance will have a loopback address of its own."""
    address = address or find_address()
    world_of(account).give_addresses(address)
    return provision(), address


def wait_for(workshop: Workshop, server: Server, words: str) -> str:
    """Run turns until a server waits for what contains these words. Return it."""
    rows = Server.objects.filter(pk=server.pk)
    workshop.run_until(lambda: rows.filter(waiting__contains=words).exists())
    return rows.get().waiting


def keys_of(server: Server) -> Keys:
    """Return the keys that the server's user data holds."""
    keys = find_keys(server.pk)
    assert keys is not None
    return keys


@contextmanager
def run_machine(server: Server, address: str) -> Iterator[Dockerd]:
    """Run what cloud-init sets up on the instance: a daemon with the server's keys."""
    with run_dockerd(keys_of(server), address=address) as daemon:
        yield daemon
