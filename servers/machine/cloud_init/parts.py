"""What user data consists of, whatever format it gets: files, units and boot steps.

``docker`` and its sisters describe what is set up as a ``Part``; ``cloud_config`` and
``ignition`` write parts in the format that the image reads. So both do the same.

The boot's script runs the steps in order, once, as root, and stops at the first that
fails. It keeps these for whoever reports the boot:

- ``BOOT_LOG``: what the steps printed.
- ``BOOT_STEPS``: one line for each finished step: when it began and ended, in Unix
  seconds, its exit code and its name, separated by tabs.
- ``STATE_FOLDER/step``: the name of the last step that began.
- ``STATE_FOLDER/booted``: there is one once all steps are through.
- ``BOOTED``: it exists once all steps have ended well.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

# Writable on Flatcar, too, whose /usr is read-only.
FOLDER: Final = "/opt/serverfleet"
STATE_FOLDER: Final = "/var/lib/serverfleet"
BOOT: Final = f"{FOLDER}/boot"
BOOT_LOG: Final = "/var/log/serverfleet.log"
BOOT_STEPS: Final = f"{STATE_FOLDER}/steps"
BOOTED: Final = f"{STATE_FOLDER}/booted"


@dataclass(frozen=True, slots=True)
class File:
    """A file of root's. ``secret`` keeps its content out of previews."""

    path: str
    content: str = field(repr=False)
    mode: int = 0o644
    secret: bool = False


@dataclass(frozen=True, slots=True)
class Unit:
    """A systemd unit, or a drop-in of one.

    ``dropin`` is the name of the drop-in; ``enabled`` starts the unit at each boot.
    """

    name: str
    content: str
    dropin: str = ""
    enabled: bool = False

    @property
    def path(self) -> str:
        """Where systemd finds it."""
        folder = "/etc/systemd/system"
        if self.dropin:
            return f"{folder}/{self.name}.d/{self.dropin}"
        return f"{folder}/{self.name}"


@dataclass(frozen=True, slots=True)
class Step:
    """A step of the boot: what people call it, and the program that does it.

    ``is_last``: it comes after the template's own steps.
    """

    name: str
    argv: tuple[str, ...]
    is_last: bool = False


@dataclass(frozen=True, slots=True)
class Part:
    """Something to set up."""

    files: tuple[File, ...] = ()
    units: tuple[Unit, ...] = ()
    steps: tuple[Step, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.files or self.units or self.steps)


def join_parts(parts: Iterable[Part]) -> Part:
    """Return all parts as one, in their order."""
    files: list[File] = []
    units: list[Unit] = []
    steps: list[Step] = []
    for part in parts:
        files += part.files
        units += part.units
        steps += part.steps
    return Part(tuple(files), tuple(units), tuple(steps))
