"""The form of a pool: what its servers offer, its template, and its policy."""

import hashlib
import json
from collections.abc import Iterable, Iterator
from copy import copy
from typing import Any, ClassVar, Final

from django import forms
from django.forms import BoundField

from servers.access.reach import reach_templates
from servers.dashboard.pools.policy import (
    GROUPS,
    USUAL,
    Setting,
    read_windows,
    write_windows,
)
from servers.dashboard.shared.form_idempotency import offer_rows
from servers.dashboard.shared.lines import MAX_TEXT
from servers.dashboard.shared.model_fields import PLAIN_TEXT, make_model_field
from servers.dashboard.shared.row_form import RowForm
from servers.errors import FleetError
from servers.models import Pool, Queue
from servers.models.multiline import Multiline
from servers.operations.pools import MAX_LETTERS
from servers.queues.registry import describe_queue_kind

POLICY: Final = "policy-"
MAX_WINDOWS_TEXT: Final = 5000  # of at most 50 lines
SHOWN: Final = "Size"  # the group of settings that is always shown


class LabelsField(forms.CharField):
    """Labels as lines: ``name=value``, or only a name for a tag."""

    def __init__(self, **options: Any) -> None:
        rows = Multiline(attrs={"rows": 3, "spellcheck": "false"})
        super().__init__(widget=rows, max_length=MAX_TEXT, required=False, **options)

    def clean(self, value: Any) -> dict[str, str]:
        """Return the lines as a mapping."""
        lines = (line.strip() for line in super().clean(value).splitlines())
        pairs = [line.partition("=") for line in lines if line]
        if any(len(part) > MAX_LETTERS for pair in pairs for part in pair):
            raise forms.ValidationError(
                f"Use names and values of at most {MAX_LETTERS} characters."
            )
        return {name.strip(): text.strip() for name, _, text in pairs if name.strip()}

    def prepare_value(self, value: Any) -> Any:
        """Return stored labels as the text of the field."""
        return join_labels(value.items()) if isinstance(value, dict) else value


def join_labels(labels: Iterable[tuple[str, str]]) -> str:
    """Return labels as lines."""
    return "\n".join(f"{name}={text}" if text else name for name, text in labels)


class PoolForm(RowForm):
    """A pool of one queue. Its switches are buttons of its page."""

    labels = LabelsField(label="Labels")

    class Meta:
        model = Pool
        fields = ("name", "template", "labels", "priority", "dry")
        formfield_callback = make_model_field
        widgets: ClassVar = {"name": forms.TextInput(attrs=PLAIN_TEXT)}

    def __init__(
        self, *args: Any, queue: Queue, pool: Pool | None = None, **kwargs: Any
    ) -> None:
        self.queue = queue
        self.pool = pool
        shown = copy(pool) if pool else Pool(queue=queue)
        initial: dict[str, Any] = {"seen": self.stamp(pool)}
        stored = shown.policy
        for each in list_numbers():
            value = stored.get(each.name, getattr(USUAL, each.name))
            initial[POLICY + each.name] = f"{value:g}"
        if pool is None:
            initial["template"] = reach_templates().filter(is_default=True).first()
        initial["zone"] = stored.get("zone", USUAL.zone)
        initial["windows"] = write_windows(stored.get("windows", []))
        kwargs["initial"] = initial | (kwargs.get("initial") or {})
        super().__init__(*args, instance=shown, **kwargs)
        if pool is not None:
            del self.fields["name"]
            del self.fields["dry"]
        offer_rows(self, "template", reach_templates())
        self.fields["labels"].help_text = (
            f"{describe_queue_kind(queue.kind).labels_help} "
            "One per line: name=value, or only the name."
        ).strip()
        for each in list_numbers():
            self.fields[POLICY + each.name] = _make_number(each)
        self.fields["zone"] = forms.CharField(
            label="Time zone", max_length=100, help_text="Such as Europe/Berlin."
        )
        self.fields["windows"] = forms.CharField(
            required=False,
            max_length=MAX_WINDOWS_TEXT,
            widget=Multiline(attrs={"rows": 2, "spellcheck": "false"}),
            help_text="Times at which min, max, spare or idle differ, one per line, "
            "such as: * 8-17 * * 1-5 min=3",
        )

    # Groups of fields, for the template.

    def list_size(self) -> list[BoundField]:
        """Return the settings that are always shown."""
        return [self[POLICY + each.name] for each in GROUPS[SHOWN]]

    def list_labels(self) -> list[str]:
        """Return the labels as they were typed, a line each."""
        return str(self["labels"].value() or "").split()

    def list_groups(self) -> Iterator[tuple[str, list[BoundField]]]:
        """Yield the other settings in groups."""
        for title, group in GROUPS.items():
            if title != SHOWN:
                yield title, [self[POLICY + each.name] for each in group]
        yield "Times", [self["zone"], self["windows"]]
        yield "Among pools", [self["priority"]]

    def has_own(self) -> bool:
        """Return whether another setting is not as usual, or has an error."""
        fields = [field for _, group in self.list_groups() for field in group]
        if any(field.errors for field in fields):
            return True
        stored = self.pool.policy if self.pool else {}
        shown = {each.name for each in GROUPS[SHOWN]}
        return bool(stored.keys() - shown)

    # What was typed.

    def clean_windows(self) -> list[dict[str, Any]]:
        """Return the windows."""
        try:
            return read_windows(self.cleaned_data["windows"])
        except ValueError as error:
            raise forms.ValidationError(str(error)) from None

    def refuse(self, error: FleetError, **names: str) -> None:
        """Show what is wrong with the policy at the setting that it names."""
        fields = dict(error.fields or {})
        for text in fields.pop("policy", []):
            name, _, said = text.partition(": ")
            field = next(
                (each for each in (POLICY + name, name) if each in self.fields), None
            )
            self.add_error(field, said or text)
        self.forget()
        for name, texts in fields.items() or ():
            for text in texts:
                self.add_error(name if name in self.fields else None, text)
        if not self.errors:
            self.add_error(None, error.message)

    def stamp(self, row: Pool | None) -> str:
        """Return a digest of the pool's settings."""
        if row is None:
            return ""
        parts = [row.labels, row.policy, row.priority, str(row.template_id)]
        text = json.dumps(parts, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:32]

    def to_pool(self, current: Pool | None) -> Pool:
        """Return the pool as typed, unsaved. What is as usual is not stored."""
        data = self.cleaned_data
        pool = current or Pool(queue=self.queue)
        self.fill(pool)
        policy: dict[str, Any] = {}
        for each in list_numbers():
            usual = getattr(USUAL, each.name)
            value = type(usual)(data[POLICY + each.name])
            if value != usual or each in GROUPS[SHOWN]:
                policy[each.name] = value
        if data["windows"]:
            policy["windows"] = data["windows"]
        if data["windows"] or data["zone"] != USUAL.zone:
            policy["zone"] = data["zone"]
        pool.policy = policy
        return pool


def list_numbers() -> Iterator[Setting]:
    """Yield the settings that are numbers."""
    for group in GROUPS.values():
        yield from group


def _make_number(each: Setting) -> forms.Field:
    is_whole = isinstance(getattr(USUAL, each.name), int)
    kind = forms.IntegerField if is_whole else forms.FloatField
    label = f"{each.label} (seconds)" if each.unit else each.label
    return kind(
        label=label,
        min_value=0,
        max_value=1_000_000,
        help_text=each.help,
        widget=forms.NumberInput(attrs={"step": "1" if is_whole else "any"}),
    )
