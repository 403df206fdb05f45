"""Tags and filters of the dashboard's templates: links, actions, words."""

from collections.abc import Mapping
from typing import Any

from django import template
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from servers.dashboard.shared import messages
from servers.dashboard.shared.navigation import Link, list_links
from servers.dashboard.theme import read_theme
from servers.lifecycle.states import ENDING, State
from servers.models import Server

register = template.Library()


@register.simple_tag(takes_context=True)
def navigation(context: Mapping[str, Any]) -> list[Link]:
    """Return the pages that the reader can open."""
    request = context.get("request")
    if request is None or not request.user.is_authenticated:
        return []
    return list(list_links(request.user, request.path))


@register.simple_tag(takes_context=True)
def theme(context: Mapping[str, Any]) -> str:
    """Return the theme that the reader chose, or "" for the system's."""
    request = context.get("request")
    return "" if request is None else read_theme(request)


@register.simple_tag(takes_context=True)
def actions(context: Mapping[str, Any], server: Server) -> list[messages.Action]:
    """Return the actions that the reader can take on a server."""
    leftovers = context.get("leftovers", "")
    return messages.actions_for(server, context["request"].user, leftovers=leftovers)


@register.inclusion_tag("partials/state.html")
def state(name: str) -> dict[str, str]:
    """Return a state as a badge, with its meaning as the title."""
    known = State(name)
    return {
        "name": name,
        "tone": messages.TONES[known],
        "meaning": messages.MEANINGS[known],
    }


@register.simple_tag
def cordoned(server: Server) -> SafeString | str:
    """Return a badge if a server is to get no new builds although it does not end."""
    if not server.cordoned or server.state in ENDING:
        return ""
    return format_html(
        ' <span class="badge warn" title="{}">cordoned</span>',
        "It is to get no new builds. Its page says what that stops.",
    )


@register.simple_tag
def guide(place: str, words: str) -> SafeString:
    """Return a link to the guide: ``{% guide "guide#limits" "Limits" %}``."""
    page, _, section = place.partition("#")
    return format_html(
        '<a class="guide-link" href="{}#{}">{}</a>',
        reverse("guide-page", args=[page]),
        section,
        words,
    )


@register.filter
def kind(name: str) -> str:
    """Return an event's kind in words."""
    return messages.describe_kind(name)[0]


@register.filter
def why(event: Any) -> str:
    """Return an event's reason, or "" if it only repeats the kind's words."""
    reason = str(event.reason)
    return "" if reason.rstrip(".") == kind(event.kind) else reason


@register.filter
def kind_tone(name: str) -> str:
    """Return the tone of an event's kind."""
    return messages.describe_kind(name)[1]


@register.inclusion_tag("partials/sort.html", takes_context=True)
def sort(
    context: Mapping[str, Any], field: str, label: str, classes: str = ""
) -> dict[str, Any]:
    """Return the head of a sortable column: ``?ordering=field``, then ``-field``."""
    ordering = context.get("ordering") or ""
    is_current = ordering.lstrip("-") == field
    is_down = is_current and ordering.startswith("-")
    return {
        "request": context["request"],
        "label": label,
        "classes": classes,
        "direction": ("descending" if is_down else "ascending") if is_current else "",
        "next": field if is_down or not is_current else f"-{field}",
    }


# The states on the way to running, in order.
_BOOT = (State.PENDING, State.CREATING, State.CREATED, State.STAGING)


@register.filter
def boot_step(name: str) -> int | None:
    """Return which of the four boot steps a state is, or None."""
    return _BOOT.index(State(name)) + 1 if name in _BOOT else None
