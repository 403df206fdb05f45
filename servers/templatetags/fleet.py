"""What the templates need besides Django's own."""

from datetime import datetime

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString

register = template.Library()

_STEPS = ((86400, "d"), (3600, "h"), (60, "min"), (1, "s"))


@register.simple_tag
def ago(at: datetime | None, now: datetime) -> SafeString | str:
    """Return how long ago ``at`` was, with the exact time beside it."""
    if at is None:
        return "–"
    seconds = int((now - at).total_seconds())
    size = abs(seconds)
    text = "now"
    for length, unit in _STEPS:
        if size >= length:
            text = f"{size // length} {unit}"
            text = f"{text} ago" if seconds > 0 else f"in {text}"
            break
    exact = at.isoformat(timespec="seconds")
    return format_html('<time datetime="{}" title="{}">{}</time>', exact, exact, text)
