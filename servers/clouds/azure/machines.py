"""Virtual machines by their names, which the ids of instances have in lower case."""

import re
from typing import Any, Final

from servers.clouds.azure.api import COMPUTE, Api
from servers.clouds.azure.errors import NAME
from servers.outgoing.errors import MissingError

_NAME: Final = re.compile("[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,62}[A-Za-z0-9_-])?")
_EXPAND: Final = {"$expand": "instanceView"}


def is_name(name: str) -> bool:
    """Tell whether a virtual machine can have a name."""
    return bool(_NAME.fullmatch(name))


def split_instance(instance_id: str) -> tuple[str, str]:
    """Return an instance's resource group and name. Raise MissingError."""
    group, _, name = instance_id.partition("/")
    if not re.fullmatch(r"[\w.()-]{1,90}", group) or not is_name(name):
        raise MissingError(f"{NAME} has no instance {instance_id!r}.")
    return group, name


def get_machine(api: Api, group: str, name: str) -> dict[str, Any]:
    """Return a virtual machine, with the state that lists do not have."""
    path = api.in_group(COMPUTE, "virtualMachines", name, group=group)
    return api.get(path, _EXPAND)
