"""The forms of the pages."""

from typing import Any

from django import forms

from servers.dashboard.once import OnceForm
from servers.models import Template
from servers.operations import Request
from servers.operations.provision import MOST_CAPACITY, MOST_COUNT


class NewServerForm(OnceForm):
    """What to make. Empty fields mean the template's own."""

    template = forms.ModelChoiceField(
        Template.objects.select_related("account"),
        to_field_name="name",
        empty_label=None,
    )
    count = forms.IntegerField(
        label="How many", min_value=1, max_value=MOST_COUNT, initial=1
    )
    name = forms.CharField(
        max_length=63,
        required=False,
        help_text="Leave it empty to have a name made.",
    )
    image = forms.CharField(max_length=100, required=False)
    region = forms.CharField(max_length=100, required=False)
    size = forms.CharField(max_length=100, required=False)
    capacity = forms.IntegerField(min_value=1, max_value=MOST_CAPACITY, required=False)
    ttl = forms.IntegerField(
        label="Time to live, in minutes",
        min_value=0,
        max_value=5_000_000,
        required=False,
        help_text="0 is no limit.",
    )
    labels = forms.CharField(
        required=False,
        max_length=20_000,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="One a line: name=value.",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        default = Template.objects.filter(is_default=True).first()
        if default is not None:
            self.fields["template"].initial = default.name

    def clean_labels(self) -> dict[str, str]:
        """Return the lines as an object."""
        labels = {}
        for line in self.cleaned_data["labels"].splitlines():
            if not line.strip():
                continue
            name, sign, value = line.partition("=")
            if not sign:
                raise forms.ValidationError(f"{line[:50]!r} is not name=value.")
            labels[name.strip()] = value.strip()
        return labels

    def to_request(self) -> Request:
        """Return what the operation takes."""
        data = self.cleaned_data
        return Request(
            template=data["template"].name,
            name=data["name"],
            image=data["image"],
            region=data["region"],
            size=data["size"],
            capacity=data["capacity"],
            labels=data["labels"],
            ttl=None if data["ttl"] is None else data["ttl"] * 60,
            count=data["count"],
        )
