"""What a template sets up on its instances: what is refused, and what is sent."""

import base64
import gzip
import io
import json
import time
from typing import Any

import pytest
from django.core.management import call_command

from servers.models import Account, Attempt, Server, Template
from servers.operations.accounts import save_account
from servers.operations.user_data import preview_user_data
from tests.api.conftest import Call
from tests.machine.rendering import read_config, read_files
from tests.support.fleet import Workshop, make_template, provision, world_of

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.pure]

PATH = "/api/templates/default"
DOCKER = {"cloud_init": "docker", "readiness": "docker"}
KEY = (
    "ssh-ed25519 "
    + base64.b64encode(b"\0\0\0\x0bssh-ed25519" + b"\0\0\0\x20" + b"k" * 32).decode()
    + " me@example.com"
)
FILE = {"path": "/etc/x", "content": "needle-file", "mode": "0600"}
SET_UP = {
    **DOCKER,
    "registry_mirrors": ["https://mirror.example.com", "http://10.0.0.1:5000/"],
    "insecure_registries": ["registry.local:5000", "10.0.0.0/8", "registry.local"],
    "daemon_json": {"log-driver": "local", "max-concurrent-downloads": 8},
    "local_disk": True,
    "pull_images": [
        "alpine:3",
        "registry.example.com:5000/team/image@sha256:" + "0" * 64,
    ],
    "prune_hours": 12,
    "ssh_keys": [KEY],
    "files": [FILE, {"path": "/etc/y", "content": ""}],
    "commands": "echo needle-command",
    "agent": "drone",
    "agent_environment": {"DRONE_RPC_HOST": "ci", "DRONE_RPC_SECRET": "needle-secret"},
    "build_labels": {"io.drone": "true"},
    "user_data": "#cloud-config\nhostname: {{ server }}\n# needle-own\n",
}


def test_what_is_set_up_is_kept_shown_and_sent_to_the_instance(
    send: Call, workshop: Workshop
) -> None:
    saved = send("PATCH", PATH, SET_UP)
    assert saved.status_code == 200, saved.content
    told = saved.json()
    hidden = ("files", "commands", "agent_environment", "user_data")
    assert {name: told[name] for name in SET_UP if name not in hidden} == {
        name: value for name, value in SET_UP.items() if name not in hidden
    }
    assert [told[f"has_{name}"] for name in hidden] == [True] * 4
    assert b"needle" not in saved.content
    world = world_of(Account.objects.get())
    world.ask_for_user_data()
    server = provision()
    workshop.run_until(lambda: Attempt.objects.filter(outcome="accepted").exists())
    (row,) = world.live(time.time())
    text = world.read_user_data(row.id)
    files = read_files(text)
    server.refresh_from_db()
    assert files["/etc/docker/serverfleet/ca.pem"][1] == server.ca_cert
    assert files["/etc/docker/serverfleet/key.pem"][1] == server.host.daemon_key
    assert server.ca_key not in text
    assert server.tls_key not in text
    assert files["/etc/x"] == ("0600", "needle-file")
    boot = files["/opt/serverfleet/boot"][1]
    # The agent's image is there before the agent is started over the Docker API.
    assert "run 'Pull drone/drone-runner-docker" in boot
    assert "/opt/serverfleet/agent" not in files
    assert f"hostname: {server.name}" in text
    assert read_config(text)["ssh_authorized_keys"] == [KEY]
    send("DELETE", f"/api/servers/{server.name}?force=true")
    workshop.run_to("stopped", server)
    assert world.read_user_data(row.id) == ""


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"registry_mirrors": ["ftp://mirror"]}, "registry_mirrors"),
    ({"registry_mirrors": ["https://mirror/path"]}, "registry_mirrors"),
    ({"registry_mirrors": ["https://user:x@mirror"]}, "registry_mirrors"),
    ({"registry_mirrors": ["https://mirror:99999"]}, "registry_mirrors"),
    ({"registry_mirrors": ["https://mir\nror"]}, "registry_mirrors"),
    ({"registry_mirrors": ["https://m", "https://m"]}, "registry_mirrors"),
    ({"registry_mirrors": "https://mirror"}, "registry_mirrors"),
    ({"registry_mirrors": [1]}, "registry_mirrors"),
    ({"registry_mirrors": ["https://m"] * 60}, "registry_mirrors"),
    ({"insecure_registries": ["https://registry"]}, "insecure_registries"),
    ({"insecure_registries": ["10.0.0.1/8"]}, "insecure_registries"),
    ({"insecure_registries": ["a b"]}, "insecure_registries"),
    ({"daemon_json": {"hosts": []}}, "daemon_json"),
    ({"daemon_json": {"tlskey": "/x"}}, "daemon_json"),
    ({"daemon_json": {"x": "y" * 20000}}, "daemon_json"),
    ({"daemon_json": {"data-root": "/x"}, "local_disk": True}, "daemon_json"),
    ({"daemon_json": []}, "daemon_json"),
    ({"daemon_json": {"proxies": {"http-proxy": "http://u:x@p:3128"}}}, "daemon_json"),
    ({"daemon_json": {"proxies": {"https-proxy": "u:x@p:3128"}}}, "daemon_json"),
    ({"daemon_json": {"log-opts": {"splunk-token": "x"}}}, "daemon_json"),
    ({"daemon_json": {"x": [["https://u:x@m"]]}}, "daemon_json"),
    ({"pull_images": ["--help"]}, "pull_images"),
    ({"pull_images": ["a image"]}, "pull_images"),
    ({"pull_images": ["image;reboot"]}, "pull_images"),
    ({"pull_images": ["image\nreboot"]}, "pull_images"),
    ({"prune_hours": 10000}, "prune_hours"),
    ({"ssh_keys": ["-----BEGIN OPENSSH PRIVATE KEY-----"]}, "ssh_keys"),
    ({"ssh_keys": ["ssh-ed25519 AAAA"]}, "ssh_keys"),
    ({"ssh_keys": [KEY + "\nssh_pwauth: true"]}, "ssh_keys"),
    ({"ssh_keys": [f'command="x" {KEY}']}, "ssh_keys"),
    ({"files": [{"path": "etc/x", "content": ""}]}, "files"),
    ({"files": [{"path": "/etc/../x", "content": ""}]}, "files"),
    ({"files": [{"path": "/opt/serverfleet/boot", "content": ""}]}, "files"),
    ({"files": [{"path": "/etc/docker/daemon.json", "content": ""}]}, "files"),
    ({"files": [{**FILE, "mode": "rwx"}]}, "files"),
    ({"files": [{**FILE, "mode": 600}]}, "files"),
    ({"files": [{**FILE, "mode": "1777"}]}, "files"),
    ({"files": [{**FILE, "owner": "me"}]}, "files"),
    ({"files": [FILE, FILE]}, "files"),
    ({"files": [{"path": "/x", "content": "x" * 70000}]}, "files"),
    ({"files": ["x"]}, "files"),
    ({"files": "x"}, "files"),
    ({"commands": "x" * 17000}, "commands"),
    ({"build_labels": {"a=b": "c"}}, "build_labels"),
    ({"build_labels": {"a": 1}}, "build_labels"),
    ({"cloud_init": "magic"}, "cloud_init"),
    ({"cloud_init": "none"}, "registry_mirrors"),
    ({"user_data": "no known beginning"}, "user_data"),
    ({"user_data": "#!/bin/sh\necho {{ secret }}"}, "user_data"),
    ({"user_data": "#cloud-config\na: ["}, "user_data"),
    ({"cloud_init": "ignition"}, "user_data"),
    (
        {"cloud_init": "ignition", "user_data": '{"ignition": {"version": {}}}'},
        "user_data",
    ),
]


def test_a_mode_that_no_image_keeps_is_refused_with_a_way_out(send: Call) -> None:
    for cloud_init in ("docker", "ignition"):
        for mode in ("4755", "04755", "2755", "1777", "7000"):
            change = {"cloud_init": cloud_init, "files": [{**FILE, "mode": mode}]}
            answer = send("PATCH", PATH, change)
            assert answer.status_code == 400
            said = str(answer.json()["errors"]["files"])
            assert "setuid, setgid or sticky" in said
            assert "chmod u+s" in said
        for mode in ("755", "0755", "00755"):
            change = {"cloud_init": cloud_init, "files": [{**FILE, "mode": mode}]}
            assert send("PATCH", PATH, change).status_code == 200, mode


def test_what_can_not_be_set_up_is_refused_at_its_field(send: Call) -> None:
    assert send("PATCH", PATH, SET_UP).status_code == 200
    for change, field in WRONG:
        answer = send("PATCH", PATH, change)
        assert answer.status_code == 400, (change, answer.content)
        assert field in answer.json()["errors"], (change, answer.content)
        assert b"needle" not in answer.content
    assert Template.objects.get(name="default").version == 2


def test_what_is_too_long_for_the_cloud_is_compressed_or_refused(send: Call) -> None:
    keys = {"access_key_id": "AKIA", "secret_access_key": "x"}
    account = save_account(
        Account(name="aws", kind="amazon", region="eu-central-1"), credentials=keys
    )
    template = make_template(
        account,
        "builds",
        image="ami-1",
        size="t3.micro",
        cloud_init="docker",
        readiness="docker",
    )
    (fit,) = preview_user_data(template).fits
    assert (fit.most, fit.fits) == (16384, True)
    path = "/api/templates/builds?unchecked=true"
    # Repeated text is short once it is compressed; noise is not.
    for content, accepted in (("same\n" * 8000, True), (noise(24000), False)):
        files = [{"path": "/x", "content": content}]
        answer = send("PATCH", path, {"files": files})
        assert (answer.status_code == 200) is accepted, answer.content
        if not accepted:
            (said,) = answer.json()["errors"]["user_data"]
            assert "compressed" in said
            assert "accepts at most 16384" in said
    template.refresh_from_db()
    (fit,) = preview_user_data(template).fits
    assert fit.compressed
    assert fit.size < fit.most
    # Ignition reads nothing that is compressed as a whole.
    refused = send("PATCH", path, {"cloud_init": "ignition", "commands": noise(15000)})
    assert list(refused.json()["errors"]) == ["user_data"]


def noise(size: int) -> str:
    import random

    return random.Random(1).randbytes(size // 2).hex()


def test_the_command_line_prints_what_would_be_sent_without_secrets(
    send: Call,
) -> None:
    for kind in ("docker", "ignition"):
        own = {} if kind == "docker" else {"user_data": "#!/bin/sh\n# needle-own\n"}
        saved = send("PATCH", PATH, {**SET_UP, "cloud_init": kind, **own})
        assert saved.status_code == 200, saved.content
        out, err = io.StringIO(), io.StringIO()
        call_command("cloudinit", "default", stdout=out, stderr=err)
        text = out.getvalue()
        assert "needle" not in text
        assert "/etc/docker/serverfleet/key.pem" in text
        assert "bytes, not shown" in text
        assert "Sandbox (simulated): " in err.getvalue()
    assert json.loads(text)["ignition"]["version"] == "3.3.0"


def test_an_instance_that_nobody_reaches_gets_its_agent_from_its_user_data() -> None:
    from servers.machine.callback.tokens import Callback, make_token
    from servers.machine.cloud_init.setup import Names
    from servers.models.user_data import render_recipe
    from servers.operations.user_data import SampleKeys

    template = Template(
        cloud_init="docker",
        readiness="callback",
        agent="drone",
        agent_environment=json.dumps({"DRONE_RPC_SECRET": "needle"}),
    )
    shown = render_recipe(
        template,
        server_id=Server().pk,
        names=Names("one", "ci", "default", "", "large", 2),
        keys=SampleKeys("a", "b", "c"),
        callback=Callback("https://fleet.example.com", make_token(), "CA\n"),
    )
    files = read_files(shown.text)
    assert files["/opt/serverfleet/agent.env"][0] == "0600"
    assert "DRONE_RPC_SECRET=needle" in files["/opt/serverfleet/agent.env"][1]
    assert "needle" not in files["/opt/serverfleet/agent"][1]
    boot = files["/opt/serverfleet/boot"][1]
    assert boot.index("run 'Pull drone/") < boot.index("agent prepare")
    # What reports starts it, once ServerFleet has said that the instance counts.
    assert "agent start" not in boot
    assert files["/opt/serverfleet/callback.token"][0] == "0600"
    assert files["/opt/serverfleet/callback.ca.pem"] == ("0644", "CA\n")
    assert "fleet.example.com" in files["/opt/serverfleet/callback"][1]
    # It runs from the first step on, so it can report the one that fails.
    assert boot.index("serverfleet-callback.service") < boot.index("run 'Stop Docker'")
    packed = gzip.compress(shown.text.encode())
    assert len(packed) < 12 * 1024
