"""Check what a template sets up on its instances, and show it to people.

Both render the user data as for a real server, with keys of the usual length that
nobody has. So what is accepted here fits into the create call.
"""

import base64
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from django.conf import settings

from servers.clouds.registry import describe_kind
from servers.machine.agents.plan import Runner
from servers.machine.callback.tokens import Callback
from servers.machine.cloud_init import options
from servers.machine.cloud_init.own import find_wrong_format
from servers.machine.cloud_init.parts import File
from servers.machine.cloud_init.render import (
    IGNITION,
    NOTHING,
    UserData,
    adds_to_own,
)
from servers.machine.cloud_init.setup import Names
from servers.machine.cloud_init.variables import fill_variables, find_wrong_variable
from servers.models import Queue, Template
from servers.models.placement import PlacementFields
from servers.models.template import Recipe
from servers.models.user_data import read_setup, render_recipe
from servers.placing.registrations import find_registers
from servers.queues.registrars import Registers
from servers.queues.registry import is_registrable
from servers.records.keys import needs_keys

# The longest that a server's values can be.
_SERVER: Final = UUID(int=2**128 - 1)
_NAMES: Final = Names(
    server="s" * 63,
    fleet="f" * 16,
    template="t" * 63,
    region="r" * 32,
    size="s" * 32,
    capacity=1000,
)
# What only Docker that ServerFleet sets up takes, in the order of the forms.
DOCKER_FIELDS: Final = (
    "registry_mirrors",
    "insecure_registries",
    "pull_images",
    "daemon_json",
    "prune_hours",
    "local_disk",
)
NEEDS_DOCKER: Final = (
    "This is only for Docker that ServerFleet sets up. Set up Docker, or leave this "
    "empty."
)


@dataclass(frozen=True, slots=True)
class SampleKeys:
    """Texts as long as PEM keys, and as hard to compress."""

    ca_cert: str
    daemon_key: str
    daemon_cert: str


@dataclass(frozen=True, slots=True)
class Fit:
    """How long the user data is for one cloud. ``most`` is 0 without a limit."""

    cloud: str
    size: int
    most: int
    compressed: bool

    @property
    def fits(self) -> bool:
        """Whether the cloud takes it."""
        return not self.most or self.size <= self.most


@dataclass(frozen=True, slots=True)
class Preview:
    """User data for people: its text without secrets, its files, and its length."""

    text: str
    files: tuple[File, ...]
    fits: tuple[Fit, ...]


def find_wrong_setup(template: Recipe) -> dict[str, list[str]]:
    """Return what is wrong with what a template sets up, by field."""
    found = {
        "registry_mirrors": options.check_mirrors(template.registry_mirrors),
        "insecure_registries": options.check_registries(template.insecure_registries),
        "daemon_json": options.check_daemon_json(
            template.daemon_json, local_disk=template.local_disk
        ),
        "pull_images": options.check_images(template.pull_images),
        "ssh_keys": options.check_ssh_keys(template.ssh_keys),
        "files": options.check_files(template.files),
        "commands": options.check_commands(template.commands),
        "build_labels": options.check_build_labels(template.build_labels),
    }
    if template.cloud_init == NOTHING:
        found |= {
            name: NEEDS_DOCKER for name in DOCKER_FIELDS if getattr(template, name)
        }
    errors = {name: [said] for name, said in found.items() if said}
    if not errors and (said := _find_wrong_user_data(template)):
        errors["user_data"] = [said]
    return errors


def _find_wrong_user_data(template: Recipe) -> str:
    if said := find_wrong_variable(template.user_data):
        return said
    merges = needs_keys(template) or adds_to_own(read_setup(template))
    merges = merges or template.calls_back
    return find_wrong_format(
        fill_variables(template.user_data, _NAMES),
        ignition=template.cloud_init == IGNITION,
        merges=merges,
    )


def find_too_long(
    template: Template,
    placements: Iterable[PlacementFields],
    registers: Registers | None = None,
) -> str:
    """Return why the cloud of a placement would refuse the user data, or "".

    The rest of the template was checked. ``registers`` is how a CI registers the
    agents, if it does: what it can give one of them counts, too.
    """
    reserved = _reserve(template, registers)
    for fit in _measure(_render(template, runner=reserved), placements):
        if not fit.fits:
            packed = " compressed" if fit.compressed else ""
            given = "ServerFleet adds"
            if reserved is not None:
                most = sum(map(len, reserved.environment.values()))
                given += f" and up to {most} bytes that a CI gives each agent"
            return (
                f"{fit.cloud}: The user data has {fit.size} bytes{packed}, with what "
                f"{given}, but the cloud accepts at most {fit.most}. Shorten the "
                "template's user data, files or commands."
            )
    return ""


def _reserve(template: Template, registers: Registers | None) -> Runner | None:
    """Return a runner with as much as a CI can give.

    None if nothing of that is in the user data.
    """
    if registers is None or not template.calls_back:
        return None
    environment = {
        name: base64.b64encode(_make_noise(name, size))[:size].decode()
        for name, size in registers.lengths.items()
    }
    return Runner("k" * 63, environment)


def _find_longest(template: Template) -> Registers | None:
    """Return how the agents are registered by that pool's CI which gives the most."""
    if not template.calls_back or not is_registrable(template.agent_kind):
        return None
    rows = Queue.objects.filter(pools__template=template.pk)
    queues = rows.only("name", "kind", "options").distinct()
    found = filter(None, (find_registers(template, queue) for queue in queues))
    return max(found, key=lambda each: sum(each.lengths.values()), default=None)


def preview_user_data(template: Template) -> Preview:
    """Return what a create call of a saved template would carry, without secrets."""
    placements = list(template.placements.all())
    first = placements[0] if placements else None
    names = Names(
        server=f"{template.name_prefix}0a1b2c3d",
        fleet="fleet",
        template=template.name,
        region=first.region if first else "",
        size=first.size if first else "",
        capacity=template.capacity,
    )
    shown = _render(template, names=names, hides=True)
    reserved = _reserve(template, _find_longest(template))
    fits = _measure(_render(template, runner=reserved), placements)
    return Preview(shown.text, shown.part.files, tuple(fits))


def _render(
    template: Recipe,
    *,
    names: Names = _NAMES,
    runner: Runner | None = None,
    hides: bool = False,
) -> UserData:
    return render_recipe(
        template,
        server_id=_SERVER,
        names=names,
        keys=make_sample() if needs_keys(template) else None,
        callback=_make_callback() if template.calls_back else None,
        runner=runner,
        own_addresses=settings.OWN_ADDRESSES,
        hides=hides,
    )


def _measure(
    user_data: UserData, placements: Iterable[PlacementFields]
) -> Iterable[Fit]:
    plain = user_data.text.encode()
    for kind in sorted({each.account.kind for each in placements}):
        described = describe_kind(kind)
        can = described.capabilities
        sent = can.pack_user_data(user_data.text, compresses=user_data.compresses)
        yield Fit(described.label, len(sent), can.user_data_bytes, sent != plain)


def make_sample() -> SampleKeys:
    """Return keys that nobody has."""
    return SampleKeys(
        ca_cert=_make_text("CERTIFICATE", 700),
        daemon_key=_make_text("PRIVATE KEY", 140),
        daemon_cert=_make_text("CERTIFICATE", 760),
    )


def _make_callback() -> Callback:
    noise = base64.urlsafe_b64encode(hashlib.sha256(b"token").digest())
    token = f"cb_{noise.decode().rstrip('=')}"
    return Callback(settings.PUBLIC_URL, token, settings.PUBLIC_CA)


def _make_text(name: str, size: int) -> str:
    """Return a PEM text of ``size`` bytes that are always the same."""
    body = base64.encodebytes(_make_noise(name, size)).decode()
    return f"-----BEGIN {name}-----\n{body}-----END {name}-----\n"


def _make_noise(name: str, size: int) -> bytes:
    """Return ``size`` bytes that are always the same, and hard to compress."""
    noise = b"".join(
        hashlib.sha256(f"{name}{size}{number}".encode()).digest()
        for number in range(size // 32 + 1)
    )
    return noise[:size]
