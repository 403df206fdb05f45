"""Every question and form, with its errors too, the error pages, the admin's forms.

The pages are many and alike, so each is looked at narrow in one scheme and wide in the
other, by turns.
"""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.contrib import admin

from servers.models import Fleet, Instance, Leftover, Token
from tests.support.browser import CROSSED, check_looks
from tests.support.crawl import make_everything

pytestmark = [pytest.mark.pure, pytest.mark.slow]

Visit = Callable[..., Any]

_SKIP_CHECKS = "document.querySelectorAll('form').forEach(f => f.noValidate = true)"
# A form, what is typed into it, and its button.
WRONG: list[tuple[str, dict[str, str], str]] = [
    ("/accounts/new/?kind=amazon", {"Name": "X x"}, "Save account"),
    ("/accounts/spare/change/", {"Server limit": "0"}, "Save account"),
    ("/templates/new/", {"Image": ""}, "Save template"),
    ("/templates/other/change/", {"Image": ""}, "Save template"),
    ("/servers/new/", {"Count": "0"}, "Create servers"),
    ("/servers/one/edit/", {"Labels": "X x"}, "Save changes"),
    ("/servers/one/terminate/", {"Type its name": "other"}, "Terminate server"),
    ("/tokens/new/", {}, "Create token"),
]


class Looks:
    """What is found on many pages, told at once."""

    def __init__(self) -> None:
        self.count = 0
        self.faults: list[str] = []

    def look(self, page: Any, *, is_admin: bool = False) -> None:
        self.count += 1
        try:
            check_looks(page, CROSSED[self.count % 2], is_admin=is_admin)
        except AssertionError as error:
            self.faults.append(str(error))

    def tell(self) -> None:
        if self.faults:
            raise AssertionError("\n".join(self.faults))


def list_questions() -> Iterator[str]:
    """Yield the addresses of what asks before it does, and of forms that change."""
    unowned = Instance.objects.get(instance_id="i-x").pk
    yield from (f"/leaks/{unowned}/{act}/" for act in ("adopt", "destroy"))
    yield f"/leaks/leftovers/{Leftover.objects.get().pk}/delete/"
    yield "/leaks/destroy-held/?account=sandbox&region="
    yield f"/tokens/{Token.objects.get().public_id}/revoke/"
    yield from (f"/accounts/{name}/delete/" for name in ("spare", "sandbox"))
    yield from ("/accounts/spare/change/", "/templates/other/change/")
    yield "/templates/other/delete/"
    for name in ("one", "shut", "locked", "broken"):
        yield f"/servers/{name}/terminate/"
    yield from ("/servers/one/edit/", "/pause/", "/freeze/", "/confirm/")


def test_every_question_form_and_error_can_be_used_by_all(
    visit: Visit, workshop: Any, watch: Any
) -> None:
    make_everything()
    page, looks = visit("root"), Looks()
    for path in list_questions():
        page.goto(path)
        looks.look(page)
    for path, typed, button in WRONG:
        page.goto(path)
        page.evaluate(_SKIP_CHECKS)
        for label, text in typed.items():
            page.get_by_label(label).first.fill(text)
        main = page.locator("main")
        main.get_by_role("button", name=button, exact=True).first.click()
        main.get_by_role("alert").first.wait_for()
        looks.look(page)
    watch.expect("status of 40[34]")
    page.goto("/servers/none/")
    looks.look(page)
    viewer = visit("viewer")
    viewer.goto("/tokens/new/")
    looks.look(viewer)
    stranger = visit("")
    stranger.goto("/login/")
    stranger.get_by_label("Username").fill("nobody")
    stranger.get_by_label("Password").fill("wrong")
    stranger.get_by_role("button", name="Log in").click()
    stranger.get_by_role("alert").first.wait_for()
    looks.look(stranger)
    Fleet.objects.all().delete()  # no page is made without it
    watch.expect("500")
    assert page.goto("/tokens/").status == 500
    looks.look(page)
    looks.tell()


def test_every_form_of_the_admin_can_be_used_by_all(
    visit: Visit, workshop: Any, watch: Any
) -> None:
    make_everything()
    # What is faded in has other colours for a moment.
    page, looks = visit("root", reduced_motion="reduce"), Looks()
    watch.expect("status of 403")  # what can't be added, or deleted there
    seen = set()
    for model in admin.site._registry:
        root = f"/admin/{model._meta.app_label}/{model._meta.model_name}"
        row = model._default_manager.first()
        acts = ["add", *(f"{row.pk}/{act}" for act in ("change", "delete") if row)]
        for act in acts:
            answer = page.goto(f"{root}/{act}/")
            if answer.status == 403:
                continue
            assert answer.status == 200
            seen.add(f"{model._meta.model_name} {act.rpartition('/')[2]}")
            looks.look(page, is_admin=True)
            if act == "add":
                page.evaluate(_SKIP_CHECKS)
                page.locator("[name=_save]").click()
                page.locator(".errorlist").first.wait_for()
                looks.look(page, is_admin=True)
    assert {"account add", "template change", "server change", "user change"} <= seen
    assert "user delete" not in seen  # it stands on the page that lists what ends
    looks.tell()
