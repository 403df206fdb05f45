"""What the user data for Flatcar says, and that Ignition and Python read it so."""

import gzip
import json
import shutil
import subprocess
from base64 import b64decode
from pathlib import Path
from typing import Any
from urllib.parse import unquote_to_bytes

import jsonschema
import pytest

from servers.machine.cloud_init.own import find_wrong_format
from tests.machine.rendering import FULL, REPORT, SCHEMA, read_files, render


def check_ignition(tmp_path: Path, text: str) -> None:
    """Check a config by the specification, and by Ignition itself where it is."""
    jsonschema.validate(json.loads(text), SCHEMA)
    if not shutil.which("ignition-validate"):
        return
    (tmp_path / "config.ign").write_text(text)
    done = subprocess.run(
        ["ignition-validate", str(tmp_path / "config.ign")],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    # A key that it does not know is only a warning.
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def open_source(contents: dict[str, str]) -> str:
    head, _, data = contents["source"].partition(",")
    plain = b64decode(data) if head.endswith(";base64") else unquote_to_bytes(data)
    if contents.get("compression") == "gzip":
        plain = gzip.decompress(plain)
    return plain.decode()


@pytest.mark.parametrize("values", [{}, FULL], ids=["plain", "full"])
def test_flatcar_gets_the_same_as_an_ignition_config(
    tmp_path: Path, values: dict[str, Any]
) -> None:
    text = render("ignition", **values, parts=[REPORT]).text
    check_ignition(tmp_path, text)
    config = json.loads(text)
    files = {
        each["path"]: (f"{each['mode']:04o}", open_source(each["contents"]))
        for each in config["storage"]["files"]
    }
    units = {each["name"]: each for each in config["systemd"]["units"]}
    same = read_files(render("docker", **values, parts=[REPORT]).text)
    for path, found in files.items():
        if path != "/opt/serverfleet/boot":
            assert found == same[path]
    missing = {path.rpartition("/")[2] for path in same.keys() - files.keys()}
    # Its image has Docker.
    assert missing - units.keys() == {"install", "stop", "serverfleet.conf"}
    assert units["docker.service"]["dropins"][0]["name"] == "serverfleet.conf"
    assert units["serverfleet-boot.service"]["enabled"]
    assert "Install Docker" not in files["/opt/serverfleet/boot"][1]


def test_flatcar_merges_the_templates_own_config(tmp_path: Path) -> None:
    own = json.dumps({"ignition": {"version": "3.3.0"}, "storage": {}})
    keys = FULL["ssh_keys"] * 2
    text = render("ignition", user_data=own, ssh_keys=keys).text
    check_ignition(tmp_path, text)
    config = json.loads(text)
    (merged,) = config["ignition"]["config"]["merge"]
    assert open_source(merged) == own


@pytest.mark.parametrize(
    ("text", "accepted"),
    [
        ("#!/bin/sh\n", True),
        ('{"ignition": {"version": "3.0.0"}}', True),
        ('{"ignition": {"version": "2.0.0"}}', False),
        ("#cloud-config\n", False),
        ("[" * 60000, False),
    ],
)
def test_flatcar_takes_ignition_or_a_script(text: str, accepted: bool) -> None:
    assert (find_wrong_format(text, ignition=True, merges=True) == "") is accepted
