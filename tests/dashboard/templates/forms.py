"""The forms of templates, as a browser fills them in."""

from typing import Any

from django.test import Client

KEYS = {"access_key_id": "a", "secret_access_key": "b"}


FALLBACK = {
    "fallback-1-account": "spare",
    "fallback-1-image": "ami-1",
    "fallback-1-size": "t3.micro",
}


def fill(
    client: Client, path: str = "/templates/new/", **changes: Any
) -> dict[str, Any]:
    """Return what the form at a path holds, with changes."""
    form = client.get(path).context["form"]
    fields = [*form, *(field for block in form.blocks for field in block)]
    found = {field.html_name: field.value() for field in fields}
    found |= changes
    return {k: v for k, v in found.items() if v is not None and v is not False}


def new(client: Client, **changes: Any) -> dict[str, Any]:
    wishes = {
        "name": "big",
        "account": "sandbox",
        "image": "debian-12",
        "size": "large",
    }
    return fill(client, **{**wishes, **changes})
