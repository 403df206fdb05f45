"""Template tags and filters besides Django's own."""

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from django import template
from django.templatetags.static import static
from django.urls import reverse
from django.utils import dateformat
from django.utils.html import format_html
from django.utils.safestring import SafeString

from servers.wording import say_amount, say_duration, say_price

register = template.Library()

_STEPS = ((86400, "d"), (3600, "h"), (60, "min"), (1, "s"))


def _describe(seconds: int) -> str:
    for length, unit in _STEPS:
        if seconds >= length:
            return f"{seconds // length} {unit}"
    return ""


def _mark(at: datetime, text: str, how: str) -> SafeString:
    # static/js/clock.js keeps it up to date, in the same words.
    exact = at.isoformat(timespec="seconds")
    return format_html(
        '<time datetime="{}" title="{}" data-ago="{}">{}</time>',
        exact,
        _say_moment(at, "j M Y, H:i:s"),
        how,
        text,
    )


def _say_moment(at: datetime, form: str) -> str:
    return f"{dateformat.format(at.astimezone(UTC), form)} UTC"


@register.simple_tag
def moment(at: datetime, *, seconds: bool = False) -> SafeString:
    """Return an exact time, which static/js/clock.js converts to the reader's zone."""
    form = "j M, H:i:s" if seconds else "j M, H:i"
    return format_html(
        '<time datetime="{}" data-at="{}">{}</time>',
        at.isoformat(timespec="seconds"),
        "seconds" if seconds else "minutes",
        _say_moment(at, form),
    )


@register.simple_tag
def ago(at: datetime | None, now: datetime) -> SafeString | str:
    """Return how long ago or how soon ``at`` is, with the exact time as the title."""
    if at is None:
        return "–"
    seconds = int((now - at).total_seconds())
    text = _describe(abs(seconds))
    if text:
        text = f"{text} ago" if seconds > 0 else f"in {text}"
    return _mark(at, text or "now", "full")


@register.simple_tag
def until(at: datetime | None, now: datetime) -> SafeString | str:
    """Return how soon ``at`` is, never that it has passed: due work can be late."""
    if at is None:
        return "–"
    text = _describe(max(0, int((at - now).total_seconds())))
    return _mark(at, f"in {text}" if text else "any moment", "until")


@register.simple_tag
def lately(at: datetime | None, now: datetime, bound: int) -> SafeString | str:
    """Return how long ago ``at`` was, for a time that moves on an unchanged page.

    If it is younger than ``bound`` seconds, say only that, which stays true while the
    time moves and the page is not sent again.
    """
    if at is not None and (now - at).total_seconds() < bound:
        return f"in the last {'minute' if bound == 60 else _describe(bound)}"
    return ago(at, now)


@register.simple_tag
def since(at: datetime | None, now: datetime) -> SafeString | str:
    """Return the time since ``at``: an age, or the time in a state."""
    if at is None:
        return "–"
    seconds = abs(int((now - at).total_seconds()))
    return _mark(at, _describe(seconds) or "0 s", "bare")


@register.filter
def seconds(value: float | None) -> str:
    """Return a duration in readable form: 0.4 s, 38 s, 3 min 5 s."""
    return "–" if value is None else say_duration(value)


@register.filter
def money(amount: Decimal, currency: str = "") -> str:
    """Return an amount of money in readable form: 12.34 EUR."""
    return say_amount(amount, currency)


@register.filter
def price(per_hour: Decimal | None, currency: str = "") -> str:
    """Return what an hour costs: 0.0425 EUR, or a dash if that is unknown."""
    return "–" if per_hour is None else say_price(per_hour, currency)


@register.simple_tag
def icon(name: str) -> SafeString:
    """Return an icon from static/icons.svg; the words beside it say what it means."""
    return format_html(
        '<svg class="icon" aria-hidden="true"><use href="{}#{}"></use></svg>',
        static("icons.svg"),
        name,
    )


@register.simple_tag(takes_context=True)
def live(context: Mapping[str, Any]) -> SafeString:
    """Return the attributes of the element that refreshes its page."""
    return format_html(
        'data-live data-poll data-busy="{}" data-idle="{}" data-etag="{}" '
        'data-pulse="{}" data-pulse-url="{}"',
        "true" if context.get("busy") else "false",
        context.get("idle_seconds", 15),
        context.get("etag", ""),
        context.get("pulse", ""),
        reverse("pulse"),
    )
