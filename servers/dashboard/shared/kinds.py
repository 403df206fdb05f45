"""Pages for rows of several kinds: their form depends on the kind, and can be tested.

A kind has a name and a label: one of clouds, or one of queues.
"""

from typing import Any, ClassVar

from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse

from servers.dashboard.shared.editing import Edit
from servers.dashboard.shared.option_fields import CREDENTIAL, OPTION
from servers.errors import FleetError, InvalidError


class EditOfKind(Edit):
    """What adding and changing share: a form, a button that tests, and one that saves.

    ``noun`` is what the row is, the form's argument for it, and the end of the name of
    the page for a new one.
    """

    is_kept = False
    noun: ClassVar[str]
    # Finds a kind by its name, or raises InvalidError.
    describe: "ClassVar[staticmethod[[str], Any]]"

    def find_kind(self) -> Any:
        """Return the kind, or None if it is not chosen yet."""
        raise NotImplementedError

    def test(self, form: Any) -> dict[str, Any]:
        """Test the row as typed, save nothing; return what the page shows of it."""
        raise NotImplementedError

    def get_form_kwargs(self) -> dict[str, Any]:
        """Pass the kind and the row to the form."""
        more = {"kind": self.find_kind(), self.noun: self.find_current()}
        return super().get_form_kwargs() | more

    def form_valid(self, form: Any) -> HttpResponse:
        """Test the row as typed, or save it."""
        if self.request.POST.get("act") != "test":
            return super().form_valid(form)
        try:
            found = self.test(form)
        except FleetError as error:
            self.refuse(form, error)
            return self.form_invalid(form)
        return self.render_to_response(self.get_context_data(form=form, **found))

    def refuse(self, form: Any, error: FleetError) -> None:
        """Show an error at its field if there is only one, else above the form."""
        names = {}
        for prefix, name in ((CREDENTIAL, "credentials"), (OPTION, "options")):
            fields = [field for field in form.fields if field.startswith(prefix)]
            if len(fields) == 1:
                names[name] = fields[0]
        form.refuse(error, **names)


class NewOfKind(EditOfKind):
    """Choose a kind, then fill in what it needs."""

    list_kinds: "ClassVar[staticmethod[[], list[Any]]]"

    def find_current(self) -> None:
        """Return None: there is no row yet."""

    def find_kind(self) -> Any:
        """Return the kind named in the URL, or None."""
        try:
            return self.describe(self.request.GET.get("kind", ""))
        except InvalidError:
            return None

    def get_form(self, form_class: Any = None) -> Any:
        """Return the form, or None if no kind is chosen."""
        return super().get_form(form_class) if self.find_kind() else None

    def post(self, request: Any, *args: Any, **kwargs: Any) -> HttpResponse:
        """Save or test the row; without a kind, go back to the choice of kinds."""
        if self.find_kind() is None:
            return redirect(f"new-{self.noun}")
        return super().post(request, *args, **kwargs)

    def get_context_data(self, **context: Any) -> dict[str, Any]:
        """Add the kinds to choose from, the title and the way back."""
        kind, title = self.find_kind(), f"New {self.noun}"
        return super().get_context_data(**context) | {
            "kind": kind,
            "kinds": self.list_kinds(),
            "title": f"{title}: {kind.label}" if kind else title,
            "back": reverse(self.listing),
        }


class ChangeOfKind(EditOfKind):
    """Change a row. Its kind stays."""

    # Finds the row by its name, or raises NotFoundError.
    find: "ClassVar[staticmethod[[str], Any]]"

    def find_current(self) -> Any:
        """Return the row as it is now."""
        return self.find(self.kwargs["name"])

    def find_kind(self) -> Any:
        """Return the row's kind."""
        return self.describe(self.find_current().kind)

    def get_context_data(self, **context: Any) -> dict[str, Any]:
        """Add the kind, the title and the way back."""
        name = self.kwargs["name"]
        return super().get_context_data(**context) | {
            "kind": self.find_kind(),
            "title": f"Edit {name}",
            "back": reverse(self.page, args=[name]),
        }
