"""What a template asks for on its instances, as plain values."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol


class DaemonKeys(Protocol):
    """What an instance gets of its server's keys, as PEM."""

    @property
    def ca_cert(self) -> str:
        """The certificate of the server's own authority."""

    @property
    def daemon_key(self) -> str:
        """The key of the Docker daemon."""

    @property
    def daemon_cert(self) -> str:
        """The certificate of the Docker daemon."""


@dataclass(frozen=True, slots=True)
class OwnFile:
    """A file of the template's own."""

    path: str
    content: str = field(repr=False)
    mode: int = 0o644


@dataclass(frozen=True, slots=True)
class Setup:
    """What is set up: a template's fields, in the types that the renderer takes."""

    kind: str = "none"
    registry_mirrors: tuple[str, ...] = ()
    insecure_registries: tuple[str, ...] = ()
    daemon_json: Mapping[str, Any] = field(default_factory=dict)
    local_disk: bool = False
    pull_images: tuple[str, ...] = ()
    prune_hours: int = 0
    ssh_keys: tuple[str, ...] = ()
    files: tuple[OwnFile, ...] = ()
    commands: str = field(default="", repr=False)
    user_data: str = field(default="", repr=False)
    # Only these addresses and networks may connect to Docker's port; () allows all.
    own_addresses: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Names:
    """What the variables of own user data are replaced by."""

    server: str
    fleet: str
    template: str
    region: str
    size: str
    capacity: int
