"""Templates in the Django admin: versions, placements, and what is only written."""

import json
from typing import Any

import pytest
from django.test import Client

from servers.models import Template, TemplateVersion
from tests.support.fleet import change_template, provision
from tests.support.inline import fill_inline

pytestmark = pytest.mark.django_db(transaction=True)


def fill_template(template: Template) -> dict[str, Any]:
    """Return the form of a template, as a browser would send it."""
    return {
        **fill_inline(template, image="debian-12", size="large"),
        "seen": template.version,
        "name": "default",
        "capacity": 4,
        "readiness": "address",
        "readiness_port": 22,
        "labels": "{}",
        "ttl": 0,
        "name_prefix": "agent-",
        "order": "listed",
        "overrides": "listed",
        "cloud_init": "none",
        "prune_hours": 0,
        "drain_seconds": 3600,
        "on_health_lost": "error",
        "is_default": "on",
        "new_user_data": "",
        "versions-TOTAL_FORMS": 0,
        "versions-INITIAL_FORMS": 0,
    }


def test_a_template_writes_a_version_each_time(client: Client) -> None:
    template = Template.objects.get()
    form = fill_template(template)
    path = f"/admin/servers/template/{template.pk}/change/"
    assert client.post(path, form).status_code == 302
    assert [
        version.placements.get().image
        for version in TemplateVersion.objects.order_by("number")
    ] == ["ubuntu-24.04", "debian-12"]
    template = Template.objects.get()
    wrong = fill_inline(template, options='{"moon": 1}')
    assert b"is unknown" in client.post(path, {**form, **wrong}).content
    server = provision()
    assert server.recipe.number == 2


def test_the_cloud_is_asked_before_a_template_is_saved(client: Client) -> None:
    template = Template.objects.get()
    form = fill_template(template)
    del form["is_default"]
    new = {"placements-INITIAL_FORMS": 0, "placements-0-id": "", "seen": 0}
    for path, name, rows in (
        (f"/admin/servers/template/{template.pk}/change/", "default", {}),
        ("/admin/servers/template/add/", "other", new),
    ):
        form |= {"name": name, "placements-0-size": "lrage", **rows}
        wrong = client.post(path, form)
        assert wrong.status_code == 200
        assert "no size lrage" in wrong.content.decode()
        assert TemplateVersion.objects.count() == 1
    sent = client.post(path, {**form, "unchecked": "on"})
    assert sent.status_code == 302
    assert Template.objects.get(name="other").placements.get().size == "lrage"


def test_placements_are_added_moved_and_removed(client: Client) -> None:
    template = Template.objects.get()
    path = f"/admin/servers/template/{template.pk}/change/"
    form = fill_template(template)
    more = fill_inline(template, {"size": "medium"}, size="small")
    more |= {"placements-0-order": 2, "placements-1-order": 1}
    assert client.post(path, {**form, **more}).status_code == 302

    def list_sizes() -> list[str]:
        return list(template.placements.values_list("size", flat=True))

    assert list_sizes() == ["medium", "small"]
    fewer = fill_inline(template) | {"placements-0-DELETE": "on", "seen": 2}
    assert client.post(path, {**form, **fewer}).status_code == 302
    assert list_sizes() == ["small"]
    none = fill_inline(template) | {"placements-0-DELETE": "on", "seen": 3}
    refused = client.post(path, {**form, **none}, follow=True)
    assert b"Use 1 to 11 placements." in refused.content
    assert list_sizes() == ["small"]
    assert Template.objects.get().version == 3
    # New ones need no number: without one they are the last.
    many = fill_inline(template, {"size": "large"}, {"size": "medium"}) | {"seen": 3}
    many |= {"placements-1-order": "", "placements-2-order": 1, "placements-0-order": 1}
    assert client.post(path, {**form, **many}).status_code == 302
    assert list_sizes() == ["small", "medium", "large"]


def test_a_change_by_somebody_else_is_not_undone_but_told(client: Client) -> None:
    template = Template.objects.get()
    path = f"/admin/servers/template/{template.pk}/change/"
    form = fill_template(template)
    change_template(size="medium")
    refused = client.post(path, form)
    assert b"Someone else saved a change" in refused.content
    assert template.placements.get().size == "medium"


def test_what_runs_on_a_server_is_set_and_what_is_secret_is_only_written(
    client: Client,
) -> None:
    template = Template.objects.get()
    path = f"/admin/servers/template/{template.pk}/change/"
    files = [{"path": "/etc/x", "content": "needle-file", "mode": "0600"}]
    agent = {"cloud_init": "docker", "readiness": "docker", "agent": "drone"}
    sent = fill_template(template) | {
        **agent,
        "new_agent_environment": json.dumps(
            {"DRONE_RPC_HOST": "drone.example.com", "DRONE_RPC_SECRET": "needle-rpc"}
        ),
        "new_files": json.dumps(files),
        "new_commands": "echo needle",
        "new_user_data": "#!/bin/sh\n# needle",
        "registry_mirrors": '["https://mirror.example"]',
        "labels": "",
        "drain_seconds": 90,
    }
    answer = client.post(path, sent)
    assert answer.status_code == 302, answer.context["adminform"].form.errors
    saved = Template.objects.get()
    assert (saved.agent, saved.drain_seconds, saved.labels) == ("drone", 90, {})
    assert saved.registry_mirrors == ["https://mirror.example"]
    assert json.loads(saved.files) == files
    assert (saved.commands, saved.user_data) == (
        "echo needle",
        "#!/bin/sh\n# needle",
    )
    assert "needle" not in client.get(path).content.decode()
    # Empty fields keep what is stored; what is ticked is deleted.
    again = fill_template(saved) | agent
    assert client.post(path, again).status_code == 302
    kept = Template.objects.get()
    assert (kept.commands, kept.files) == (saved.commands, saved.files)
    again |= {"seen": 3, "delete_stored": ["commands", "user_data"]}
    again |= fill_inline(kept)
    assert client.post(path, again).status_code == 302
    left = Template.objects.get()
    assert (left.commands, left.user_data, left.files) == ("", "", saved.files)
    again |= {"seen": 4, "delete_stored": []} | fill_inline(left)
    for name, text in (
        ("new_files", "{}"),
        ("new_files", "[" * 9999),
        ("new_agent_environment", "[]"),
        ("new_agent_environment", "{}"),  # the agent needs more
    ):
        wrong = client.post(path, again | {name: text})
        assert wrong.status_code == 200, text
        assert wrong.context["adminform"].form.errors[name], text
