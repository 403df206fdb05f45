"""Play the machine of a sandbox's server: what its cloud-init would have done."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import yaml

from servers.machine.certificates import Keys
from servers.models import Account, Server, Template
from servers.operations.templates import save_template
from servers.records.keys import find_keys
from tests.support.dockerd import FOLDER, Dockerd, find_address, run_with_files
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
    world = world_of(account)
    world.ask_for_user_data()
    world.give_addresses(address)
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
    """Run what cloud-init sets up on the instance: a daemon with the user data's files.

    The user data is the one that the sandbox got with the create call.
    """
    server.refresh_from_db()
    text = world_of(server.account).read_user_data(server.instance_id)
    files = {
        path.removeprefix(f"{FOLDER}/"): content
        for path, content in read_files(text).items()
        if path.startswith(f"{FOLDER}/")
    }
    with run_with_files(files, address=address) as daemon:
        yield daemon


def read_files(text: str) -> dict[str, str]:
    """Return the files that cloud-config writes, by path."""
    assert text.startswith("#cloud-config\n")
    return {
        each["path"]: each["content"] for each in yaml.safe_load(text)["write_files"]
    }
