"""The template form's part about what runs on an instance."""

import json
from typing import Any

import pytest
from django.test import Client

from servers.models import Template
from tests.dashboard.templates.forms import fill
from tests.support.fleet import Workshop, make_fleet
from tests.support.people import log_in, make_person

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.pure]

EDIT = "/templates/default/change/"
SECRETS = {
    "user_data": "#cloud-config\n# needle-a",
    "commands": "echo needle-b",
    "file-0-path": "/etc/one",
    "file-0-mode": "0600",
    "file-0-content": "needle-c",
    "file-1-path": "/etc/two",
    "file-1-content": "needle-d\n",
}
SETTINGS = {
    "cloud_init": "docker",
    "readiness": "docker",
    "drain_seconds": "90",
    "on_health_lost": "replace",
    "build_labels": "role=build",
    "registry_mirrors": "https://mirror.example\n\nhttps://other.example\n",
    "insecure_registries": "registry.example:5000",
    "pull_images": "alpine:3\ndebian:12",
    "daemon_json": '{"log-driver": "local"}',
    "prune_hours": "24",
    "local_disk": "on",
    "ssh_keys": "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJr1yWz6Wm0l9nX6F0C2m5r7s5Yx1dZ"
    "mZ0nqUeQm3d5A ada",
}


@pytest.fixture
def admin(workshop: Workshop) -> Client:
    make_fleet()
    return log_in(make_person("admin", name="ada"))


def send(client: Client, path: str = EDIT, **changes: Any) -> Any:
    """Send the form at a path as a browser would, with changes, and save it."""
    return client.post(path, fill_all(client, path, **changes))


def fill_all(client: Client, path: str = EDIT, **changes: Any) -> dict[str, Any]:
    """Return what the form at a path holds, its files included."""
    form = client.get(path).context["form"]
    rows = {field.html_name: field.value() for row in form.file_rows for field in row}
    return fill(client, path, **rows) | changes


def find_template(name: str = "default") -> Template:
    return Template.objects.get(name=name)


def test_everything_that_is_set_up_is_saved_and_secrets_are_never_shown(
    admin: Client,
) -> None:
    sent = send(admin, **SETTINGS, **SECRETS)
    assert sent.status_code == 302, sent.context["form"].errors
    template = find_template()
    assert (template.cloud_init, template.drain_seconds) == ("docker", 5400)
    assert (template.on_health_lost, template.prune_hours) == ("replace", 24)
    assert template.registry_mirrors == [
        "https://mirror.example",
        "https://other.example",
    ]
    assert template.pull_images == ["alpine:3", "debian:12"]
    assert template.daemon_json == {"log-driver": "local"}
    assert (template.local_disk, template.build_labels) == (True, {"role": "build"})
    assert json.loads(template.files) == [
        {"path": "/etc/one", "content": "needle-c", "mode": "0600"},
        {"path": "/etc/two", "content": "needle-d\n", "mode": "0644"},
    ]
    for path in ("/templates/default/", EDIT, "/templates/new/?from=default"):
        page = admin.get(path).content.decode()
        assert "needle" not in page, path
        assert "debian:12" in page, path
    # Sent again as it is shown, it says the same; what was stored is kept.
    again = send(admin)
    assert again.status_code == 302, again.context["form"].errors
    saved = find_template()
    for name in ("files", "commands", "user_data", "registry_mirrors", "daemon_json"):
        assert getattr(saved, name) == getattr(template, name), name
    assert saved.version == template.version + 1
    # A clone has it all, unseen.
    cloned = send(admin, "/templates/new/?from=default", name="two")
    assert cloned.status_code == 302, cloned.context["form"].errors
    two = find_template("two")
    assert (two.files, two.commands) == (template.files, template.commands)
    # One file is renamed, the other replaced; the commands are deleted.
    changes = {
        "file-0-path": "/etc/uno",
        "file-1-content": "new",
        "forget_commands": "on",
    }
    assert send(admin, **changes).status_code == 302
    saved = find_template()
    assert json.loads(saved.files) == [
        {"path": "/etc/uno", "content": "needle-c", "mode": "0600"},
        {"path": "/etc/two", "content": "new", "mode": "0644"},
    ]
    assert saved.commands == ""


def test_rows_for_files_come_and_go_and_nothing_typed_is_lost(admin: Client) -> None:
    typed = fill_all(
        admin, **SETTINGS, commands="echo typed", image="debian-99", move="add-file"
    )
    page = admin.post(EDIT, typed)
    form = page.context["form"]
    assert [row["path"].value() for row in form.file_rows] == [""]
    assert form.file_rows[0].fields["path"].widget.attrs["autofocus"] is True
    assert not form.blocks[0].fields["account"].widget.attrs["autofocus"]
    text = page.content.decode()
    for each in ("echo typed", "debian-99", "log-driver", "mirror.example"):
        assert each in text, each
    two = typed | SECRETS | {"move": "0-remove-file"}
    form = admin.post(EDIT, two).context["form"]
    assert [row["path"].value() for row in form.file_rows] == ["/etc/two"]
    assert form.file_rows[0]["content"].value() == "needle-d\n"
    # Too many rows, and moves that no button sends, change nothing.
    many = {f"file-{n}-path": f"/f{n}" for n in range(25)}
    for move in ("add-file", "99-remove-file", "9" * 5000 + "-remove-file", "x"):
        page = admin.post(EDIT, typed | many | {"move": move})
        assert len(page.context["form"].file_rows) == 20
        assert not page.context["form"].may_add_file()
    assert find_template().version == 1


def test_what_is_wrong_is_told_at_its_field(admin: Client) -> None:
    wrong = {
        "daemon_json": "[" * 10_000,
        "build_labels": "nonsense",
        "file-0-path": "",
        "file-0-content": "x",
        "drain_seconds": "99999999",
        "prune_hours": "-1",
        "agent": "moon",
    }
    page = send(admin, **wrong)
    form = page.context["form"]
    assert page.status_code == 200
    assert "JSON object" in form.errors["daemon_json"][0]
    assert form.file_rows[0].errors["path"]
    for name in ("build_labels", "drain_seconds", "prune_hours", "agent"):
        assert form.errors[name], name
    # The parts that were closed are open, so that the errors are seen.
    assert form.has_docker()
    assert form.has_own()
    for text in ('{"a": NaN}', '{"a": "\\u0000"}', "[]", "7", "\0"):
        assert send(admin, daemon_json=text).status_code == 200, text
    assert find_template().version == 1


def test_a_drain_timeout_of_half_a_minute_survives_the_form(admin: Client) -> None:
    Template.objects.update(drain_seconds=90)
    assert send(admin, capacity="3").status_code == 302
    assert find_template().drain_seconds == 90


DRONE = {
    "agent": "drone",
    "cloud_init": "docker",
    "readiness": "docker",
    "agent-drone-DRONE_RPC_HOST": "drone.example.com",
    "agent-drone-DRONE_RPC_SECRET": "needle-rpc",
    "agent_environment": "DRONE_DEBUG=needle-more",
}


def read_environment() -> Any:
    return json.loads(find_template().agent_environment or "{}")


def test_an_agent_has_fields_of_its_own_and_its_secrets_are_write_only(
    admin: Client,
) -> None:
    wrong = send(admin, agent="drone", readiness="docker")
    errors = wrong.context["form"].errors
    assert set(errors) == {"agent-drone-DRONE_RPC_HOST", "agent-drone-DRONE_RPC_SECRET"}
    assert send(admin, **DRONE).status_code == 302
    whole = {
        "DRONE_RPC_HOST": "drone.example.com",
        "DRONE_RPC_SECRET": "needle-rpc",
        "DRONE_DEBUG": "needle-more",
    }
    assert read_environment() == whole
    page = admin.get(EDIT).content.decode()
    assert "drone.example.com" in page
    assert "needle" not in page + admin.get("/templates/default/").content.decode()
    # Left alone, it stays; what is not secret can be emptied, what is others' deleted.
    assert send(admin, **{"agent-drone-DRONE_RPC_PROTO": "http"}).status_code == 302
    assert read_environment() == whole | {"DRONE_RPC_PROTO": "http"}
    less = {"agent-drone-DRONE_RPC_PROTO": "", "forget_agent_environment": "on"}
    assert send(admin, **less).status_code == 302
    del whole["DRONE_DEBUG"]
    assert read_environment() == whole
    # What is typed comes back while it is not saved, secrets too.
    moved = fill_all(admin, move="agent", agent="gitlab")
    moved |= {"agent-gitlab-CI_SERVER_TOKEN": "glrt-typed"}
    text = admin.post(EDIT, moved).content.decode()
    assert "glrt-typed" in text
    assert "needle" not in text
    # Another agent gets nothing of the first one's, and no agent has none.
    gitlab = {"agent": "gitlab", "agent-gitlab-CI_SERVER_TOKEN": "glrt-1"}
    gitlab |= {"agent-gitlab-CI_SERVER_URL": "https://gitlab.example.com"}
    assert send(admin, **gitlab).status_code == 302
    assert set(read_environment()) == {"CI_SERVER_TOKEN", "CI_SERVER_URL"}
    for lines in ("RUNNER_LIMIT=2", "1A=b", "nonsense"):
        wrong = send(admin, agent_environment=lines)
        assert wrong.context["form"].errors["agent_environment"], lines
    assert send(admin, agent="none", agent_image="alpine").status_code == 302
    assert (read_environment(), find_template().agent_image) == ({}, "")


def test_what_a_ci_gives_to_each_server_may_be_left_out(admin: Client) -> None:
    github = {"agent": "github", "readiness": "docker", "cloud_init": "docker"}
    assert send(admin, **github).status_code == 302
    gitlab = {"agent": "gitlab", "agent-gitlab-CI_SERVER_TOKEN": "glrt-1"}
    errors = send(admin, **gitlab).context["form"].errors
    assert set(errors) == {"agent-gitlab-CI_SERVER_URL"}
