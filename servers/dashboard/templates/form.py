"""The template form, with lines and blocks instead of JSON."""

from collections.abc import Mapping
from copy import copy
from typing import Any, ClassVar, Final

from django import forms
from django.forms import BoundField, model_to_dict
from django.http import QueryDict

from servers.dashboard.shared.lines import LinesField, join_lines
from servers.dashboard.shared.minutes import MinutesField
from servers.dashboard.shared.model_fields import PLAIN_TEXT, make_model_field
from servers.dashboard.shared.row_form import RowForm
from servers.dashboard.templates.agent_fields import list_names
from servers.dashboard.templates.machine import MachineForm
from servers.dashboard.templates.machine_fields import MACHINE_FIELDS
from servers.dashboard.templates.rows import make_blocks
from servers.errors import FleetError
from servers.models import Account, Template, TemplatePlacement
from servers.models.multiline import Multiline
from servers.operations.secrets import SECRET_FIELDS
from servers.operations.templates import MAX_PLACEMENTS

# Always shown. The others stand below *More settings*.
_SHOWN: Final = ("name", "capacity", "max_servers", "is_default")


class TemplateForm(MachineForm, RowForm):
    """A template, in three parts: its placements, what runs there, and the rest."""

    ttl = MinutesField(help_text="0 means no limit.")
    labels = LinesField(
        widget=Multiline(attrs={"rows": 3}), help_text="One per line: name=value."
    )
    unchecked = forms.BooleanField(
        label="Save without checking with the cloud",
        required=False,
        help_text="Servers of this template may fail for the reason above.",
    )

    class Meta:
        model = Template
        fields = (
            "name",
            "capacity",
            "max_servers",
            "is_default",
            "ttl",
            "name_prefix",
            "order",
            "overrides",
            "labels",
            *MACHINE_FIELDS,
        )
        formfield_callback = make_model_field
        widgets: ClassVar = {"name": forms.TextInput(attrs=PLAIN_TEXT)}

    def __init__(
        self,
        *args: Any,
        template: Template | None = None,
        source: Template | None = None,
        account: Account | None = None,
        rows: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        self.template = template
        self.may_pass = False
        self.source = source
        shown = template or source or Template()
        stored = list(shown.placements.all()) if shown.version else []
        initial = model_to_dict(shown, self.Meta.fields) | {
            "ttl": shown.ttl // 60,
            "labels": join_lines(shown.labels),
            **self.read_machine(shown),
            "seen": self.stamp(shown),
        }
        if source is not None:
            initial |= {"name": "", "is_default": False}
        kwargs["initial"] = initial | (kwargs.get("initial") or {})
        super().__init__(*args, instance=copy(template), **kwargs)
        self.blocks = make_blocks(
            self.data if self.is_bound else rows,
            stored=stored or [TemplatePlacement(account=account)],
            is_bound=self.is_bound,
        )
        if template is not None:
            del self.fields["name"]
        self.begin_machine(shown, source=source, rows=rows)

    @classmethod
    def move(
        cls,
        data: QueryDict,
        *,
        template: Template | None,
        source: Template | None = None,
    ) -> "TemplateForm":
        """Return the form as typed, with blocks moved, added or removed."""
        names = (*cls.base_fields, *list_names())
        typed = {name: data.get(name, "") for name in names}
        return cls(initial=typed, template=template, source=source, rows=data)

    def offer_unchecked(self, problem: str) -> None:
        """Show what the cloud refused or did not confirm, and offer to save anyway."""
        self.add_error(None, problem)
        self.may_pass = True

    def may_add(self) -> bool:
        """Return whether the template can have another fallback."""
        return len(self.blocks) < MAX_PLACEMENTS

    def list_shown(self) -> list[BoundField]:
        """Return the fields that are always shown."""
        return [self[name] for name in _SHOWN if name in self.fields]

    def list_more(self) -> list[BoundField]:
        """Return the fields that belong to no other part."""
        besides = {*_SHOWN, "unchecked", *self.list_machine()}
        return [field for field in self.visible_fields() if field.name not in besides]

    def has_errors_below(self) -> bool:
        """Return whether one of the other fields has an error."""
        return any(field.errors for field in self.list_more())

    def list_parts(self) -> list[forms.BaseForm]:
        """Return the form, its placements and its files."""
        return [self, *self.blocks, *self.file_rows]

    def is_valid(self) -> bool:
        """Return whether the form, its placements and its files are valid."""
        # Validate all of them.
        rows = [row.is_valid() for row in (*self.blocks, *self.file_rows)]
        return super().is_valid() and all(rows)

    def refuse(self, error: FleetError, **_names: str) -> None:
        """Show errors of the first placement at its fields."""
        self.forget()
        first = self.blocks[0]
        for name, texts in (error.fields or {"": [error.message]}).items():
            for text in texts:
                if name in first.fields:
                    first.add_error(name, text)
                elif name == "files":
                    self.file_errors.append(text)
                else:
                    self.add_error(name if name in self.fields else None, text)

    def list_placements(self) -> list[TemplatePlacement]:
        """Return the placements as typed, unsaved."""
        return [block.to_placement() for block in self.blocks]

    def clean_ttl(self) -> int:
        """Return the seconds."""
        minutes: int = self.cleaned_data["ttl"]
        return minutes * 60

    def stamp(self, row: Template) -> str:
        """Return the template's version."""
        return str(row.version)

    def to_template(self, current: Template | None) -> Template:
        """Return the template as typed, unsaved."""
        source = self.source
        template = current or Template(
            **(
                {name: getattr(source, name) for name in SECRET_FIELDS}
                if source
                else {}
            )
        )
        self.fill(template)
        self.fill_secrets(template)
        return template
