"""The user data brings what calls ServerFleet, and its token to root alone."""

import json
from pathlib import Path
from urllib.parse import unquote
from uuid import UUID

import jsonschema
import pytest

from servers.machine.callback.tokens import Callback, make_token
from servers.models import Template
from servers.models.user_data import render_recipe
from servers.operations.user_data import SampleKeys, make_sample
from tests.machine.rendering import (
    KEYS,
    NAMES,
    SCHEMA,
    check_schema,
    read_config,
    read_files,
)

pytestmark = pytest.mark.pure


def render(
    callback: Callback | None,
    *,
    hides: bool = False,
    keys: SampleKeys = KEYS,
    **fields: str,
) -> str:
    template = Template(readiness="callback", **fields)
    return render_recipe(
        template,
        server_id=UUID(int=7),
        names=NAMES,
        keys=None if template.cloud_init == "none" else keys,
        callback=callback,
        hides=hides,
    ).text


@pytest.mark.parametrize("own", ["", "#cloud-config\nruncmd: [[mine]]\n"])
@pytest.mark.parametrize("kind", ["docker", "none"])
def test_cloud_init_starts_the_report_first_and_keeps_its_token_from_others(
    tmp_path: Path, kind: str, own: str
) -> None:
    callback = Callback("https://fleet.example.com/x", make_token(), "CA-CERT\n")
    text = render(callback, cloud_init=kind, user_data=own, agent="none")
    config = read_config(text)
    check_schema(tmp_path, "#cloud-config\n" + json.dumps(config))
    assert config["runcmd"] == [["/opt/serverfleet/boot"]]
    files = read_files(text)
    holds = {path for path, (_, each) in files.items() if callback.token in each}
    assert holds == {"/opt/serverfleet/callback.token"}
    assert files["/opt/serverfleet/callback.token"][0] == "0600"
    assert files["/opt/serverfleet/callback.ca.pem"] == ("0644", "CA-CERT\n")
    mode, script = files["/opt/serverfleet/callback"]
    assert mode == "0755"
    assert "\nurl=https://fleet.example.com/x\n" in script
    assert ("\nhas_docker=yes\n" in script) is (kind == "docker")
    assert "\nhas_agent=no\n" in script
    assert "/etc/systemd/system/serverfleet-callback.service" in files
    boot = files["/opt/serverfleet/boot"][1]
    first = next(line for line in boot.splitlines() if line.startswith("run "))
    assert "enable --now serverfleet-callback.service" in first
    # Even without an agent something has to tell which builds run.
    assert ("/opt/serverfleet/agent" in files) is (kind == "docker")

    shown = render(callback, cloud_init=kind, user_data=own, hides=True)
    assert callback.token not in shown
    assert "serverfleet-callback.service" in shown


def test_flatcar_enables_the_report_and_keeps_its_token_from_others() -> None:
    callback = Callback("https://fleet.example.com", make_token())
    text = render(callback, cloud_init="ignition", agent="gitlab", keys=make_sample())
    config = json.loads(text)
    jsonschema.validate(config, SCHEMA)
    # EC2 takes no more, and Ignition reads nothing that is compressed as a whole.
    assert len(text.encode()) < 16_384
    files = {each["path"]: each for each in config["storage"]["files"]}
    token = files["/opt/serverfleet/callback.token"]
    assert token["mode"] == 0o600
    assert unquote(token["contents"]["source"]) == f"data:,{callback.token}\n"
    assert text.count(callback.token) == 1
    units = {each["name"]: each for each in config["systemd"]["units"]}
    assert units["serverfleet-callback.service"]["enabled"]
    assert "/opt/serverfleet/callback.ca.pem" not in files
