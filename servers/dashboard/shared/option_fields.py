"""Form fields for a kind's own settings: how they are built, shown and read."""

from collections.abc import Collection, Iterator, Mapping
from typing import Any, Final

from django import forms

from servers.outgoing.fields import MAX_TEXT, Field

OPTION: Final = "option-"
CREDENTIAL: Final = "credential-"
FORGET: Final = "forget-"  # a stored credential
KEEPS: Final = "Stored, never shown. Leave empty to keep the stored value."
RATE: Final = "rate-"
_YES_NO: Final = {"yes": "Yes", "no": "No"}


def make_fields(each: Field) -> Iterator[tuple[str, forms.Field]]:
    """Yield the fields of an option with their names."""
    if each.rates:
        for name, words in each.rates.items():
            yield (
                f"{RATE}{each.name}-{name}",
                forms.FloatField(
                    label=name.replace("_", " ").capitalize(),
                    min_value=0,
                    max_value=1,
                    required=False,
                    help_text=words,
                    widget=forms.NumberInput(attrs={"step": "any", "placeholder": 0}),
                ),
            )
        return
    found = make_field(each)
    found.label, found.required = each.label, each.required
    found.help_text = (
        f"{each.help} Separate values with commas." * each.texts or each.help
    )
    yield OPTION + each.name, found


def make_field(each: Field) -> forms.Field:
    """Return the field of an option that is not an object of rates."""
    if each.number:
        step = "1" if each.whole else "any"
        return forms.FloatField(
            min_value=each.least,
            max_value=each.most,
            widget=forms.NumberInput(attrs={"step": step}),
        )
    if choices := _YES_NO if each.flag else each.choices:
        return forms.ChoiceField(choices=[("", "Default"), *choices.items()])
    attrs = {"placeholder": each.like} if each.like else {}
    attrs |= {"autocapitalize": "off", "spellcheck": "false"}
    return forms.CharField(max_length=MAX_TEXT, widget=forms.TextInput(attrs=attrs))


def show_option(each: Field, value: Any) -> Iterator[tuple[str, Any]]:
    """Yield the initial values of an option's fields."""
    if each.rates:
        for name in each.rates if isinstance(value, Mapping) else ():
            yield f"{RATE}{each.name}-{name}", _plain(value.get(name))
    elif each.texts and isinstance(value, list):
        yield OPTION + each.name, ", ".join(str(text) for text in value)
    elif isinstance(value, bool | list):
        yield OPTION + each.name, each.show(value)
    else:
        yield OPTION + each.name, _plain(value)


def read_option(each: Field, data: Mapping[str, Any]) -> dict[str, Any]:
    """Return an option as it is stored, or {} if nothing was typed."""
    if each.rates:
        typed = {name: data[f"{RATE}{each.name}-{name}"] for name in each.rates}
        rates = {name: _plain(rate) for name, rate in typed.items() if rate}
        return {each.name: rates} if rates else {}
    value = data[OPTION + each.name]
    if value in {"", None}:
        return {}
    if each.texts:
        texts = [text.strip() for text in value.split(",")]
        return {each.name: [text for text in texts if text]}
    if each.flag:
        return {each.name: each.read(value)}
    return {each.name: _plain(value)}


def _plain(value: Any) -> Any:
    """Return 5 for 5.0, as people typed it."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def make_forget(each: Field) -> tuple[str, forms.Field]:
    """Return the box that deletes a stored credential, with its name."""
    label = f"Delete the stored {each.label.lower()}"
    return FORGET + each.name, forms.BooleanField(label=label, required=False)


def merge_options(
    stored: Mapping[str, Any], fields: Collection[Field], data: Mapping[str, Any]
) -> dict[str, Any]:
    """Return stored options with the typed ones in the place of those of ``fields``."""
    known = {option.name for option in fields}
    found = {name: value for name, value in stored.items() if name not in known}
    for option in fields:
        found |= read_option(option, data)
    return found


def to_sentence(message: str) -> str:
    """Return what ``Field.check`` says, as a sentence."""
    return message[:1].upper() + message[1:]
