"""The boot's script: the steps of all parts, one after the other."""

import shlex
from typing import Final

from servers.machine.cloud_init.parts import BOOT, FOLDER, File, Part, Step, join_parts
from servers.machine.cloud_init.scripts import read_script
from servers.machine.cloud_init.setup import Setup

COMMANDS: Final = f"{FOLDER}/commands"
OWN_SCRIPT: Final = f"{FOLDER}/user-data"
_END: Final = 'touch "$state/booted"\necho "== Done"\n'


def build_own(setup: Setup, script: str) -> Part:
    """Return the template's own files, commands and script."""
    files = [File(own.path, own.content, own.mode, secret=True) for own in setup.files]
    steps = []
    if commands := setup.commands.strip():
        text = f"#!/bin/sh\nset -e\n{commands}\n"
        files.append(File(COMMANDS, text, 0o700, secret=True))
        steps.append(Step("Run the template's commands", (COMMANDS,)))
    if script:
        files.append(File(OWN_SCRIPT, script, 0o700, secret=True))
        steps.append(Step("Run the user data", (OWN_SCRIPT,)))
    return Part(files=tuple(files), steps=tuple(steps))


def add_boot(built_in: Part, own: Part) -> Part:
    """Return both parts as one, with the script that runs their steps.

    The units that start at each boot start first, because one of them may report how
    the rest goes.
    """
    names = [unit.name for unit in built_in.units if unit.enabled]
    if names:
        line = f"systemctl daemon-reload && systemctl enable --now {' '.join(names)}"
        start = Part(steps=(Step("Start services", ("sh", "-c", line)),))
        built_in = join_parts((start, built_in))
    whole = join_parts((built_in, own))
    if not whole.steps:
        return whole
    # What takes builds starts last: before, the boot can still fail.
    steps = sorted(whole.steps, key=lambda step: step.is_last)
    lines = [shlex.join(("run", step.name, *step.argv)) + "\n" for step in steps]
    script = read_script("boot") + "".join(lines) + "\n" + _END
    return join_parts((whole, Part(files=(File(BOOT, script, 0o755),))))
