"""The form of a bulk action: labels, force, and a number to confirm."""

from typing import Any

from django import forms

from servers.dashboard.shared.form_idempotency import OnceForm
from servers.dashboard.shared.lines import LinesField
from servers.operations.labels import check_labels


class BulkForm(OnceForm):
    """The fields besides the servers and the action."""

    labels = LinesField(label="Labels to set")
    force = forms.BooleanField(required=False)
    confirm = forms.CharField(required=False, max_length=10)

    def __init__(self, data: Any = None, *, act: str, working: int = 0) -> None:
        super().__init__(data)
        self.act = act
        self.working = working
        self.fields["labels"].widget.attrs["autofocus"] = True

    def clean_labels(self) -> dict[str, str]:
        """Check the labels; the action ``label`` needs at least one."""
        labels: dict[str, str] = self.cleaned_data["labels"]
        if self.act == "label" and not labels:
            raise forms.ValidationError("Enter at least one label.")
        if message := check_labels(labels):
            raise forms.ValidationError(message)
        return labels

    def clean_confirm(self) -> str:
        """Check the number of running servers, if there are any."""
        typed: str = self.cleaned_data["confirm"].strip()
        if self.act == "terminate" and self.working and typed != str(self.working):
            raise forms.ValidationError(
                f"Nothing was done. Type {self.working}, the number of running servers."
            )
        return typed
