"""User data as it is rendered, and its parts as cloud-init and people read it."""

import json
import shutil
import subprocess
from email import message_from_string
from pathlib import Path
from typing import Any

import pytest
import yaml

from servers.machine.cloud_init.parts import File, Part, Step, Unit
from servers.machine.cloud_init.render import UserData, render_user_data
from servers.machine.cloud_init.setup import Names, OwnFile, Setup
from servers.operations.user_data import SampleKeys

NAMES = Names("agent-1", "ci", "builds", "eu central", "large", 4)


KEYS = SampleKeys("CA-CERT\n", "needle-key\n", "DAEMON-CERT\n")


SCHEMA = json.loads((Path(__file__).parent / "ignition.schema.json").read_text())


FULL: dict[str, Any] = {
    "registry_mirrors": ("https://mirror.example.com",),
    "insecure_registries": ("registry.local:5000",),
    "daemon_json": {"log-driver": "local", "hosts": ["fd://"]},
    "local_disk": True,
    "pull_images": ("alpine:3", "debian:12"),
    "prune_hours": 12,
    "ssh_keys": ("ssh-ed25519 AAAA me",),
    "files": (OwnFile("/etc/schön", "grüße\nneedle-file\n", 0o600),),
    "commands": "echo needle-command\n",
    "own_addresses": ("203.0.113.7/32", "2001:db8::/64"),
}


START = (
    "systemctl daemon-reload && systemctl enable --now "
    "serverfleet-prune.timer beat.timer"
)


BEAT = "[Timer]\nOnBootSec=1\n[Install]\nWantedBy=timers.target\n"


REPORT = Part(
    files=(File("/opt/serverfleet/report", "#!/bin/sh\nneedle-token\n", 0o700, True),),
    units=(Unit("beat.timer", BEAT, enabled=True),),
    steps=(Step("Say 'hello'", ("echo", "it's $HOME")),),
)


def render(kind: str, *, hides: bool = False, **values: Any) -> UserData:
    parts = values.pop("parts", ())
    keys = None if kind == "none" else KEYS
    setup = Setup(kind=kind, **values)
    return render_user_data(setup, names=NAMES, keys=keys, parts=parts, hides=hides)


def read_config(text: str) -> dict[str, Any]:
    """Return the built-in cloud-config of user data."""
    if not text.startswith("#cloud-config"):
        text = read_part(list(message_from_string(text).walk())[-1])
    assert text.startswith("#cloud-config\n")
    found: dict[str, Any] = yaml.safe_load(text)
    return found


def read_part(part: Any) -> str:
    """Return the text of a part of a message."""
    return str(part.get_payload(decode=True), "utf-8")


def read_files(text: str) -> dict[str, tuple[str, str]]:
    """Return the files of a cloud-config: path to mode and content."""
    return {
        each["path"]: (each["permissions"], each["content"])
        for each in read_config(text)["write_files"]
    }


def check_schema(tmp_path: Path, text: str) -> None:
    if not shutil.which("cloud-init"):
        pytest.skip("there is no cloud-init")
    (tmp_path / "config").write_text(text)
    done = subprocess.run(
        ["cloud-init", "schema", "--config-file", str(tmp_path / "config")],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert "Valid" in done.stdout
