"""Forms that add or change one row with a name, never over another change."""

from typing import Any, Final

from django import forms

from servers.dashboard.shared.form_idempotency import OnceForm
from servers.models.account import validate_name

CHANGED: Final = (
    "Someone else saved a change while you were editing. Nothing was saved. The form "
    "shows what you typed. Save again to overwrite the other change."
)
# The address of such a page is already used to create an account or a template.
TAKEN_NAMES: Final = frozenset({"new"})


class RowForm(OnceForm, forms.ModelForm):  # type: ignore[type-arg]
    """A form for one row. ``seen`` is what ``stamp`` returned when it was shown."""

    seen = forms.CharField(widget=forms.HiddenInput, max_length=64, required=False)

    def stamp(self, row: Any) -> str:
        """Return what changes with each change of a row."""
        raise NotImplementedError

    def clean_name(self) -> str:
        """Reject a name that is an address of its own."""
        name: str = self.cleaned_data["name"]
        validate_name(name)
        if name in TAKEN_NAMES:
            raise forms.ValidationError("This name is reserved. Choose another name.")
        return name

    def is_stale(self, current: Any) -> bool:
        """Return whether the row has changed since the form was shown."""
        return bool(self.cleaned_data["seen"] != self.stamp(current))

    def see(self, current: Any) -> None:
        """Say that the row has changed, and let the form overwrite it."""
        self.add_error(None, CHANGED)
        self.data = dict(self.data.items(), seen=self.stamp(current))

    def fill(self, row: Any) -> None:
        """Set the row's own fields as typed, unsaved."""
        for name in self._meta.fields or ():
            if name in self.cleaned_data:
                setattr(row, name, self.cleaned_data[name])
