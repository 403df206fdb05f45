"""Docker behind mutual TLS, on Debian, Ubuntu, Flatcar or an image that has it.

The daemon listens on its usual socket and on port 2376, where only a client with a
certificate of the server's own authority is let in. The image's unit passes
``-H fd://``, which can't stand beside ``hosts`` in ``daemon.json``, so a drop-in starts
the daemon without any options. It also keeps the daemon from starting before the rules
of ``scripts/firewall.sh`` stand.

Source: Docker's documentation, "Configure remote access for Docker daemon", "Protect
the Docker daemon socket" and "dockerd".
"""

import json
from typing import Any, Final

from servers.machine.cloud_init.parts import FOLDER, File, Part, Step, Unit
from servers.machine.cloud_init.scripts import read_script
from servers.machine.cloud_init.setup import DaemonKeys, Setup
from servers.machine.docker import DOCKER_PORT

DAEMON_JSON: Final = "/etc/docker/daemon.json"
KEYS_FOLDER: Final = "/etc/docker/serverfleet"
FIREWALL: Final = "serverfleet-firewall.service"
DISK: Final = "serverfleet-disk.service"
DATA_ROOT: Final = "/var/lib/docker"
# What a template's own daemon.json can't set, and why.
OURS: Final = {
    "hosts": "ServerFleet sets where Docker listens.",
    "tls": "ServerFleet sets Docker's TLS.",
    "tlsverify": "ServerFleet sets Docker's TLS.",
    "tlscacert": "ServerFleet sets Docker's TLS.",
    "tlscert": "ServerFleet sets Docker's TLS.",
    "tlskey": "ServerFleet sets Docker's TLS.",
    "registry-mirrors": "Use the template's registry mirrors.",
    "insecure-registries": "Use the template's insecure registries.",
}

_DROPIN: Final = """\
[Unit]
Requires={firewall}
After={firewall}
{disk}
[Service]
ExecStart=
ExecStart=/usr/bin/env dockerd
"""
_ONESHOT: Final = """\
[Unit]
Description={description}
Before=docker.service

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart={command}
"""
_PRUNE: Final = """\
[Unit]
Description=Delete images that are no longer used
After=docker.service

[Service]
Type=oneshot
ExecStart={command}
"""
_PRUNE_TIMER: Final = """\
[Unit]
Description=Delete images that are no longer used, from time to time

[Timer]
OnBootSec=10min
OnUnitActiveSec=10min

[Install]
WantedBy=timers.target
"""


def build_docker(setup: Setup, keys: DaemonKeys, *, installs: bool) -> Part:
    """Return what sets Docker up. ``installs``: the image may come without it."""
    scripts = ["firewall", "start"]
    steps = []
    if installs:
        scripts += ["stop", "install"]
        steps.append(Step("Stop Docker", (f"{FOLDER}/stop",)))
        steps.append(Step("Install Docker", (f"{FOLDER}/install",)))
    steps.append(Step("Start Docker", (f"{FOLDER}/start",)))
    if setup.local_disk:
        scripts.append("disk")
    if setup.pull_images:
        scripts.append("pull")
        steps += [
            Step(f"Pull {image}", (f"{FOLDER}/pull", image))
            for image in setup.pull_images
        ]
    if setup.prune_hours:
        scripts.append("prune")
    return Part(
        files=(
            *build_keys(keys),
            File(DAEMON_JSON, write_daemon_json(setup)),
            *(File(f"{FOLDER}/{name}", read_script(name), 0o755) for name in scripts),
        ),
        units=tuple(_list_units(setup)),
        steps=tuple(steps),
    )


def build_keys(keys: DaemonKeys) -> tuple[File, ...]:
    """Return the files that a daemon needs for TLS."""
    return (
        File(f"{KEYS_FOLDER}/ca.pem", keys.ca_cert, 0o644),
        File(f"{KEYS_FOLDER}/cert.pem", keys.daemon_cert, 0o644),
        File(f"{KEYS_FOLDER}/key.pem", keys.daemon_key, 0o600, secret=True),
    )


def write_daemon_json(setup: Setup) -> str:
    """Return the daemon's settings: ours, and the template's own."""
    settings: dict[str, Any] = {
        "hosts": ["unix:///run/docker.sock", f"tcp://0.0.0.0:{DOCKER_PORT}"],
        "tlsverify": True,
        "tlscacert": f"{KEYS_FOLDER}/ca.pem",
        "tlscert": f"{KEYS_FOLDER}/cert.pem",
        "tlskey": f"{KEYS_FOLDER}/key.pem",
    }
    if setup.registry_mirrors:
        settings["registry-mirrors"] = list(setup.registry_mirrors)
    if setup.insecure_registries:
        settings["insecure-registries"] = list(setup.insecure_registries)
    return json.dumps({**setup.daemon_json, **settings}, indent=2) + "\n"


def _list_units(setup: Setup) -> list[Unit]:
    disk = f"Wants={DISK}\nAfter={DISK}\n" if setup.local_disk else ""
    units = [
        Unit(
            "docker.service",
            _DROPIN.format(firewall=FIREWALL, disk=disk),
            dropin="serverfleet.conf",
        ),
        Unit(
            FIREWALL,
            _ONESHOT.format(
                description="Keep containers from the metadata service",
                command=" ".join((f"{FOLDER}/firewall", *setup.own_addresses)),
            ),
        ),
    ]
    if setup.local_disk:
        units.append(
            Unit(
                DISK,
                _ONESHOT.format(
                    description="Mount the local disk for Docker",
                    command=f"{FOLDER}/disk",
                ),
            )
        )
    if setup.prune_hours:
        command = (f"{FOLDER}/prune", str(setup.prune_hours), *setup.pull_images)
        units.append(
            Unit("serverfleet-prune.service", _PRUNE.format(command=" ".join(command)))
        )
        units.append(Unit("serverfleet-prune.timer", _PRUNE_TIMER, enabled=True))
    return units
