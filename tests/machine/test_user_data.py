"""What the user data says, and that cloud-init and Python read it so."""

import json
import shutil
import subprocess
from email import message_from_string
from pathlib import Path

import pytest
import yaml

from servers.machine.cloud_init.own import find_type, find_wrong_format
from servers.machine.cloud_init.scripts import read_script
from servers.machine.cloud_init.variables import fill_variables, find_wrong_variable
from tests.machine.rendering import (
    FULL,
    NAMES,
    REPORT,
    START,
    check_schema,
    read_config,
    read_files,
    read_part,
    render,
)


def test_docker_is_set_up_as_cloud_init_reads_it(tmp_path: Path) -> None:
    text = render("docker", **FULL, parts=[REPORT]).text
    check_schema(tmp_path, text)
    files = read_files(text)
    assert files["/etc/docker/serverfleet/key.pem"] == ("0600", "needle-key\n")
    assert files["/etc/docker/serverfleet/ca.pem"] == ("0644", "CA-CERT\n")
    assert files["/etc/schön"] == ("0600", "grüße\nneedle-file\n")
    daemon = json.loads(files["/etc/docker/daemon.json"][1])
    # What ServerFleet sets can't be replaced.
    assert daemon["hosts"] == ["unix:///run/docker.sock", "tcp://0.0.0.0:2376"]
    assert (daemon["tlsverify"], daemon["log-driver"]) == (True, "local")
    assert daemon["registry-mirrors"] == ["https://mirror.example.com"]
    assert daemon["insecure-registries"] == ["registry.local:5000"]
    boot = files["/opt/serverfleet/boot"][1]
    steps = [line for line in boot.splitlines() if line.startswith("run ")]
    assert steps == [
        f"run 'Start services' sh -c '{START}'",
        "run 'Stop Docker' /opt/serverfleet/stop",
        "run 'Install Docker' /opt/serverfleet/install",
        "run 'Start Docker' /opt/serverfleet/start",
        "run 'Pull alpine:3' /opt/serverfleet/pull alpine:3",
        "run 'Pull debian:12' /opt/serverfleet/pull debian:12",
        """run 'Say '"'"'hello'"'"'' echo 'it'"'"'s $HOME'""",
        """run 'Run the template'"'"'s commands' /opt/serverfleet/commands""",
    ]
    assert read_config(text)["runcmd"] == [["/opt/serverfleet/boot"]]
    # No secret is in a command, which everybody on the instance can see.
    units = [text for path, (_, text) in files.items() if "/systemd/" in path]
    assert not [each for each in (boot, *units) if "needle" in each]
    dropin = files["/etc/systemd/system/docker.service.d/serverfleet.conf"][1]
    assert "ExecStart=\nExecStart=/usr/bin/env dockerd\n" in dropin
    assert "Requires=serverfleet-firewall.service" in dropin


@pytest.mark.parametrize(
    "own", ["", "#!/bin/sh\necho {{ server }}\n", "#cloud-config\npackages: [jq]\n"]
)
def test_the_templates_own_part_is_merged_and_not_replaced(
    tmp_path: Path, own: str
) -> None:
    text = render("docker", user_data=own).text
    config = read_config(text)
    check_schema(tmp_path, "#cloud-config\n" + yaml.safe_dump(config))
    files = read_files(text)
    if find_type(own) == "script":
        # It runs last, so Docker is there.
        assert files["/opt/serverfleet/user-data"][1] == "#!/bin/sh\necho agent-1\n"
        last = files["/opt/serverfleet/boot"][1].splitlines()
        assert "run 'Run the user data' /opt/serverfleet/user-data" in last
    elif own:
        message = message_from_string(text)
        first, second = list(message.walk())[1:]
        assert read_part(first) == own
        assert first.get_content_type() == "text/cloud-config"
        assert "list(prepend)" in second["Merge-Type"]
    else:
        assert text.startswith("#cloud-config")


def test_cloud_init_itself_merges_both_parts(tmp_path: Path) -> None:
    own = (
        "#cloud-config\nruncmd: [mine]\nwrite_files: [{path: /x, content: a}]\n"
        "ssh_authorized_keys: [theirs]\nhostname: {{ server }}\n"
    )
    text = render("docker", user_data=own, **FULL).text
    program = """
import sys
from email import message_from_string
from cloudinit import mergers, util
first, second = message_from_string(sys.stdin.read()).get_payload()
read = lambda part: util.load_yaml(part.get_payload(decode=True))
merger = mergers.construct(mergers.string_extract_mergers(second["Merge-Type"]))
print(util.json_dumps(merger.merge(read(first), read(second))))
"""
    if not shutil.which("cloud-init"):
        pytest.skip("there is no cloud-init")
    done = subprocess.run(
        ["/usr/bin/python3", "-c", program],
        input=text,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    merged = json.loads(done.stdout)
    assert merged["runcmd"] == [["/opt/serverfleet/boot"], "mine"]
    assert merged["ssh_authorized_keys"] == ["ssh-ed25519 AAAA me", "theirs"]
    assert merged["hostname"] == "agent-1"
    assert merged["write_files"][-1] == {"path": "/x", "content": "a"}


def test_without_a_set_up_user_data_is_sent_as_it_is() -> None:
    for own in ("", "anything\r\n\tat all {{ x }", "#!/bin/sh\n"):
        assert render("none", user_data=own).text == own
    text = render("none", user_data="#!/bin/sh\nmine\n", parts=[REPORT]).text
    assert read_files(text)["/opt/serverfleet/user-data"][1] == "#!/bin/sh\nmine\n"


def test_what_is_shown_has_no_secret_and_the_same_shape() -> None:
    own = "#cloud-config\n# needle-own\n"
    for kind in ("docker", "ignition", "none"):
        shown = render(kind, hides=True, user_data=own, parts=[REPORT], **FULL)
        assert "needle" not in shown.text
        assert "needle" not in repr(shown.part)
        assert "bytes, not shown" in shown.text
        sent = render(kind, user_data=own, parts=[REPORT], **FULL)
        assert [each.path for each in shown.part.files] == [
            each.path for each in sent.part.files
        ]
        assert sent == render(kind, user_data=own, parts=[REPORT], **FULL)


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ("{{server}} {{ fleet }}", "agent-1 ci"),
        ("{{ capacity }}{{ template }}", "4builds"),
        ("{{ region }}", "eu_central"),  # a request may have named it
        ("docker ps --format '{{{{.Names}}'", "docker ps --format '{{.Names}}'"),
        ("{{{{ server }}", "{{ server }}"),
        ("${HOME} { {server} }}", "${HOME} { {server} }}"),
    ],
)
def test_variables_are_filled_in(text: str, filled: str) -> None:
    assert find_wrong_variable(text) == ""
    assert fill_variables(text, NAMES) == filled


@pytest.mark.parametrize(
    "text",
    ["a\n{{ nothing }}", "a\n{{", "a\n{{ server", "a\n{{ser\nver}}", "a\n{{ a{b} }}"],
)
def test_what_is_no_variable_is_said_with_its_line(text: str) -> None:
    assert find_wrong_variable(text).startswith("Line 2: ")
    # Stored before that rule, it is sent as it is.
    assert fill_variables(text, NAMES) == text


BOMB = "#cloud-config\na: &a [x]\n" + "".join(f"b{n}: [*a, *a]\n" for n in range(2000))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("#cloud-config\na: [", "Line"),
        ("#cloud-config\n- a\n", "mapping"),
        ("#cloud-config\njust text", "mapping"),
        ("#cloud-config\na: *nothing\n", "alias"),
        ("#cloud-config\na: !!python/object:os.system x\n", "tag"),
        ("#cloud-config\na: " + "[" * 60000, "deeply"),
        ("#cloud-config\na: 1\n---\nb: 2\n", "single"),
        ("#cloud-config\na: \x01\n", "YAML"),
        ("#cloud-config\n", ""),
        ("#cloud-config\na: !!str 1\nb: {c: [1, 2]}\n", ""),
        (BOMB, ""),
        ("## template: jinja\n#cloud-config\n{% if %}", ""),
        ("plain text", "Begin the user data"),
        ("Content-Type: multipart/mixed; boundary=x\n\nno parts", "multipart"),
        ("#include\nhttps://example.com/data\n", ""),
    ],
)
def test_user_data_that_cloud_init_would_not_read_is_refused(
    text: str, said: str
) -> None:
    found = find_wrong_format(text, ignition=False, merges=True)
    assert bool(found) is bool(said)
    assert said in found


def test_the_shell_of_every_script_is_checked(tmp_path: Path) -> None:
    text = render("docker", **FULL, parts=[REPORT]).text
    scripts = {
        path: content
        for path, (_, content) in read_files(text).items()
        if content.startswith("#!/bin/sh")
    }
    assert len(scripts) > 8
    for path, content in scripts.items():
        shell = subprocess.run(["sh", "-n"], input=content, text=True, check=False)
        assert shell.returncode == 0, path
    assert read_script("install").startswith("#!/bin/sh")
