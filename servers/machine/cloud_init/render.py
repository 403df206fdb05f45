"""The user data of a create call: the built-in part and the template's own, as one.

Pure: the same values give the same bytes, so a repeated call is the same call.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

from servers.machine.cloud_init.boot import add_boot, build_own
from servers.machine.cloud_init.cloud_config import write_cloud_config
from servers.machine.cloud_init.docker import build_docker, build_keys
from servers.machine.cloud_init.ignition import write_ignition
from servers.machine.cloud_init.own import SCRIPT, find_type, merge_multipart
from servers.machine.cloud_init.parts import File, Part, join_parts
from servers.machine.cloud_init.setup import DaemonKeys, Names, Setup
from servers.machine.cloud_init.variables import fill_variables

IGNITION: Final = "ignition"
NOTHING: Final = "none"


@dataclass(frozen=True, slots=True)
class UserData:
    """User data, and what it is for people.

    ``text`` goes into the create call. ``compresses`` tells that the image's cloud-init
    takes it compressed, too.
    """

    text: str
    part: Part
    compresses: bool = False


def render_user_data(
    setup: Setup,
    *,
    names: Names,
    keys: DaemonKeys | None = None,
    parts: Iterable[Part] = (),
    hides: bool = False,
) -> UserData:
    """Return the user data of one server.

    ``keys`` are needed if Docker is set up. ``parts`` are what else is built
    in: an agent, the report of the boot. With ``hides`` the text is for people: what is
    secret is replaced by its length.
    """
    own = fill_variables(setup.user_data, names)
    built_in = _build(setup, keys, join_parts(parts))
    if not built_in and not adds_to_own(setup):
        return UserData(hide(own) if hides else own, Part())
    script = own if find_type(own) == SCRIPT else ""
    rest = "" if script else own
    kind = find_type(rest)
    part = add_boot(built_in, build_own(setup, script))
    if hides:
        part = replace(part, files=tuple(map(_hide_file, part.files)))
        rest = hide(rest)
    if setup.kind == IGNITION:
        text = write_ignition(part, ssh_keys=setup.ssh_keys, own=rest, readable=hides)
        return UserData(text, part)
    text = write_cloud_config(part, ssh_keys=setup.ssh_keys)
    if rest.strip():
        text = merge_multipart(rest, text, kind=kind)
    return UserData(text, part, compresses=True)


def _build(setup: Setup, keys: DaemonKeys | None, extra: Part) -> Part:
    """Return the built-in part: Docker or only its keys, and ``extra``."""
    if keys is None:
        assert setup.kind == NOTHING, "Docker needs keys"
        return extra
    if setup.kind == NOTHING:
        # The template's own user data starts Docker with them.
        return join_parts((Part(files=build_keys(keys)), extra))
    docker = build_docker(setup, keys, installs=setup.kind != IGNITION)
    return join_parts((docker, extra))


def adds_to_own(setup: Setup) -> bool:
    """Tell whether a template without keys sends more than its own user data."""
    own = setup.files or setup.commands.strip() or setup.ssh_keys
    return setup.kind != NOTHING or bool(own)


def _hide_file(file: File) -> File:
    return replace(file, content=f"{hide(file.content)}\n") if file.secret else file


def hide(text: str) -> str:
    """Return what is shown instead of a secret text."""
    return f"({len(text.encode()):,} bytes, not shown)" if text else ""
