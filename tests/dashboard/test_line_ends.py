"""Browsers end the lines of a form with CRLF; what is stored ends them with LF."""

from collections.abc import Iterator
from typing import Any

import pytest
from django import forms
from django.contrib import admin as django_admin
from django.contrib.auth.models import User
from django.test import Client, RequestFactory

from servers.dashboard import urls  # noqa: F401 - loads every page, and so every form
from servers.models import Server, Template
from servers.models.multiline import Multiline
from servers.operations.templates import MAX_USER_DATA
from tests.dashboard.templates.forms import fill, new
from tests.support.fleet import Workshop, make_fleet, provision
from tests.support.inline import fill_inline
from tests.support.people import log_in, make_person

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.pure]

SCRIPT = "#!/bin/sh\nset -e\n\necho 'one'\n"
TYPED = SCRIPT.replace("\n", "\r\n")


@pytest.fixture
def admin(workshop: Workshop) -> Client:
    make_fleet()
    return log_in(make_person("admin", name="ada"))


def test_a_pages_user_data_is_stored_as_a_file_has_it(admin: Client) -> None:
    path = "/templates/default/change/"
    assert admin.post(path, fill(admin, path, user_data=TYPED)).status_code == 302
    assert Template.objects.get().user_data == SCRIPT
    assert admin.post("/templates/new/", new(admin, user_data=TYPED)).status_code == 302
    assert Template.objects.get(name="big").user_data == SCRIPT
    # An old Mac's line ends, which only a program would send.
    old = fill(admin, path, user_data="#!/bin/sh\rset -e\r")
    admin.post(path, old)
    assert Template.objects.get(name="default").user_data == "#!/bin/sh\nset -e\n"


def test_the_admins_user_data_is_stored_as_a_file_has_it(workshop: Workshop) -> None:
    make_fleet()
    client = Client()
    client.force_login(User.objects.create_superuser("ada"))
    template = Template.objects.get()
    path = f"/admin/servers/template/{template.pk}/change/"
    form = client.get(path).context["adminform"].form
    fields = {field.html_name: field.value() for field in form}
    fields = {k: v for k, v in fields.items() if v is not None and v is not False}
    fields |= {"versions-TOTAL_FORMS": 0, "versions-INITIAL_FORMS": 0}
    fields |= fill_inline(template)
    answer = client.post(path, {**fields, "new_user_data": TYPED})
    assert answer.status_code == 302, answer.content
    assert Template.objects.get().user_data == SCRIPT


def test_the_size_is_counted_after_that(admin: Client) -> None:
    line = "x\n"
    most = line * (MAX_USER_DATA // len(line))
    path = "/templates/default/change/"
    typed = most.replace("\n", "\r\n")
    assert admin.post(path, fill(admin, path, user_data=typed)).status_code == 302
    assert Template.objects.get().user_data == most
    more = admin.post(path, fill(admin, path, user_data=typed + "y"))
    assert more.status_code == 200
    assert Template.objects.get().user_data == most


def test_labels_of_several_lines_hold_no_line_end(admin: Client) -> None:
    provision(name="one")
    path = "/servers/one/edit/"
    admin.post(path, {**fill_plain(admin, path), "labels": "a=b\r\nc=d\r\n"})
    assert Server.objects.get().labels == {"a": "b", "c": "d"}


def fill_plain(client: Client, path: str) -> dict[str, Any]:
    form = client.get(path).context["form"]
    found = {field.html_name: field.value() for field in form}
    return {k: v for k, v in found.items() if v is not None and v is not False}


def list_forms() -> Iterator[type[forms.BaseForm]]:
    """Yield every form of ours, and those that the admin makes of models."""
    waiting: list[type[forms.BaseForm]] = [forms.BaseForm]
    while waiting:
        form = waiting.pop()
        waiting += form.__subclasses__()
        module, of_a_model = form.__module__, issubclass(form, forms.BaseModelForm)
        # The admin changes the forms of its models: as it shows them, below.
        if module.startswith("servers.") and not (
            of_a_model and module.startswith("servers.admin")
        ):
            yield form
    request = RequestFactory().get("/admin/")
    request.user = User(is_superuser=True, is_active=True)
    for model, site in django_admin.site._registry.items():
        if model.__module__.startswith("servers."):
            yield site.get_form(request)


def test_every_field_of_several_lines_takes_them_so() -> None:
    found = [
        (form, name, field.widget)
        for form in list_forms()
        for name, field in form.base_fields.items()  # type: ignore[attr-defined]
        if isinstance(field.widget, forms.Textarea)
    ]
    assert {name for _, name, _ in found} >= {"user_data", "new_user_data", "labels"}
    wrong = [(form, name) for form, name, w in found if not isinstance(w, Multiline)]
    assert not wrong
