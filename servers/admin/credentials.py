"""A form field for credentials: they can be set and replaced, and never read."""

import json

from django import forms

from servers.models.multiline import Multiline


class CredentialsForm(forms.ModelForm):  # type: ignore[type-arg]
    """A form of a record that has credentials."""

    new_credentials = forms.CharField(
        label="Credentials",
        required=False,
        widget=Multiline(attrs={"rows": 4, "autocomplete": "off"}),
        help_text='A JSON object, such as {"access_key_id": "…", '
        '"secret_access_key": "…"}. Leave empty to keep the stored credentials, which '
        "are never shown.",
    )

    def clean_new_credentials(self) -> dict[str, str] | None:
        """Return the object, or None to keep what is stored."""
        text = self.cleaned_data["new_credentials"].strip()
        if not text:
            return None
        try:
            given = json.loads(text)
        except (ValueError, RecursionError):
            given = None
        if not isinstance(given, dict) or not all(
            isinstance(value, str) for value in given.values()
        ):
            raise forms.ValidationError(
                "This is not a JSON object of strings. Enter one."
            )
        return given
