"""What the pages say of states, acts and events; what may be done, and why not.

The acts derive from the transition table: none is offered that the table forbids.
Templates loop over them and add no words of their own.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from django.urls import reverse

from servers.ledger import Kind
from servers.lifecycle.states import BOOTING, ENDING, Event, State
from servers.lifecycle.transitions import allowed
from servers.models import Server

# The tone is a class of badge.css; the icon has the state's own name in icons.svg.
TONES: Final[Mapping[State, str]] = MappingProxyType(
    {
        State.PENDING: "moving",
        State.CREATING: "moving",
        State.CREATED: "moving",
        State.STAGING: "moving",
        State.RUNNING: "good",
        State.SHUTDOWN: "moving",
        State.STOPPING: "moving",
        State.STOPPED: "idle",
        State.ERROR: "bad",
    }
)
MEANINGS: Final[Mapping[State, str]] = MappingProxyType(
    {
        State.PENDING: "Accepted. No create call is under way.",
        State.CREATING: "A create call was sent, or is about to be.",
        State.CREATED: "The cloud holds its instance; it has no address yet.",
        State.STAGING: "It has an address, and is not proven ready.",
        State.RUNNING: "It takes builds.",
        State.SHUTDOWN: "Its termination was requested. Builds are not waited for.",
        State.STOPPING: "It is being destroyed until its absence is proven.",
        State.STOPPED: "Proven absent. Nothing bills any more.",
        State.ERROR: "Given up. What the cloud holds of it is still resolved.",
    }
)
HAPPENED: Final[Mapping[str, str]] = MappingProxyType(
    {
        Event.ATTEMPT_WRITTEN: "A create call is sent",
        Event.INSTANCE_KNOWN: "The instance is known",
        Event.ATTEMPT_REFUSED: "The cloud refused",
        Event.ATTEMPT_ABSENT: "The attempt made nothing",
        Event.CANDIDATES_EXHAUSTED: "Nothing is left to try",
        Event.ADDRESS_SEEN: "It has an address",
        Event.READY: "Ready for builds",
        Event.DEADLINE_PASSED: "It took too long",
        Event.INSTANCE_VANISHED: "The instance vanished",
        Event.INSTANCE_FAILED: "The instance failed before it was ready",
        Event.HEALTH_LOST: "The instance failed or stopped",
        Event.RETRY_REQUESTED: "A retry was asked for",
        Event.STOP_REQUESTED: "Termination was asked for",
        Event.DRAINED: "Ready to be destroyed",
        Event.ABSENCE_CONFIRMED: "Proven absent",
        Event.DISOWNED: "Left to the fleet it belongs to",
        Kind.REQUESTED: "Asked for",
        Kind.ATTEMPT_ANSWERED: "The cloud answered",
        Kind.ATTEMPT_CLOSED: "The attempt was closed",
        Kind.DESTROY_ASKED: "The cloud was asked to destroy it",
        Kind.HIDDEN: "Removed from the list",
        Kind.CHANGED: "Changed",
        Kind.CONDEMNED: "Condemned to be destroyed",
        Kind.ORPHAN_GONE: "An orphan is gone",
        Kind.UNEXPLAINED: "An instance nobody explains",
        Kind.HELD: "Held for a person",
        Kind.LEFTOVER_GONE: "What was left behind is gone",
        Kind.ADOPTED: "Adopted",
        Kind.PAUSED: "The pause flag was set",
        Kind.RESUMED: "The pause flag was cleared",
        Kind.FROZEN: "Destroying was frozen",
        Kind.UNFROZEN: "Destroying was allowed again",
        Kind.FLEET_CONFIRMED: "The fleet was confirmed",
        Kind.ACCOUNT_CHANGED: "An account was changed",
        Kind.BREAKER_OPENED: "A circuit breaker opened",
        Kind.BREAKER_CLOSED: "A circuit breaker closed",
        Kind.TEMPLATE_CHANGED: "A template was changed",
        Kind.TOKEN_MADE: "A token was made",
        Kind.TOKEN_REVOKED: "A token was revoked",
        Kind.SCAN_ASKED: "A listing was asked for",
        Kind.LOGGED_IN: "Logged in",
        Kind.LOG_IN_FAILED: "A log-in failed",
        Kind.LOGGED_OUT: "Logged out",
        Kind.PASSWORD_CHANGED: "A password was changed",
        Kind.PERSON_CHANGED: "A person was changed",
        Kind.PROCESS_ENDED: "A process ended",
    }
)
_HAPPENED_TONES: Final[Mapping[str, str]] = MappingProxyType(
    {
        Event.READY: "good",
        Event.ATTEMPT_REFUSED: "warn",
        Event.ATTEMPT_ABSENT: "warn",
        Event.INSTANCE_FAILED: "warn",
        Event.CANDIDATES_EXHAUSTED: "bad",
        Event.DEADLINE_PASSED: "bad",
        Event.INSTANCE_VANISHED: "bad",
        Event.HEALTH_LOST: "bad",
        Kind.CONDEMNED: "warn",
        Kind.UNEXPLAINED: "bad",
        Kind.HELD: "warn",
        Kind.LOG_IN_FAILED: "warn",
        Kind.PROCESS_ENDED: "warn",
        Kind.BREAKER_OPENED: "bad",
        Kind.BREAKER_CLOSED: "good",
    }
)


@dataclass(frozen=True, slots=True)
class Action:
    """One button: templates/partials/action.html draws it.

    ``GET`` leads to a page that asks first (a dialog with JavaScript). ``why_not``:
    the act is not possible now, and this sentence says why.
    """

    name: str
    label: str
    url: str
    method: str = "POST"
    danger: bool = False
    why_not: str = ""


def describe_kind(kind: str) -> tuple[str, str]:
    """Return the words and the tone of an event's kind."""
    return HAPPENED.get(kind, kind.replace("_", " ")), _HAPPENED_TONES.get(kind, "idle")


def actions_for(server: Server, user: Any, *, leftovers: str = "") -> list[Action]:
    """Return what ``user`` may ask of ``server`` in its state.

    ``leftovers`` says why nothing may begin anew, where the caller has looked.
    """
    if not user.has_perm("servers.change_server"):
        return []
    return list(_list_actions(server, leftovers))


def _list_actions(server: Server, leftovers: str) -> Iterator[Action]:
    state = State(server.state)
    events = allowed(state)
    if Event.RETRY_REQUESTED in events:
        url = reverse("retry", args=[server.name])
        yield Action("retry", "Retry", url, why_not=leftovers)
    if state not in ENDING:
        yield _protection(server)
    if Event.STOP_REQUESTED in events:
        yield _termination(server)


def _protection(server: Server) -> Action:
    label = "Lift protection" if server.protected else "Protect"
    name = "unprotect" if server.protected else "protect"
    return Action(name, label, reverse(name, args=[server.name]))


def _termination(server: Server) -> Action:
    label = "Remove…" if is_removal(server) else "Terminate…"
    return Action(
        "terminate",
        label,
        reverse("terminate", args=[server.name]),
        method="GET",
        danger=True,
        why_not="It is protected. Lift its protection first."
        if server.protected
        else "",
    )


def is_removal(server: Server) -> bool:
    """Tell whether terminating takes the row off the list at once."""
    return server.state == State.ERROR and not server.instance_id


def say_what_is_lost(server: Server) -> str:
    """Return what the end of a server destroys, as a sentence."""
    instance = f" {server.instance_id}" if server.instance_id else ""
    if server.state in BOOTING and not server.instance_id:
        return (
            "No instance of it is known yet. What the cloud may still make of it is "
            "destroyed as soon as it is seen."
        )
    if is_removal(server):
        return (
            "It leaves the list at once, and its name is free again. Should the cloud "
            "still hold anything of it, that is destroyed behind it."
        )
    builds = " Builds running on it fail." if server.state == State.RUNNING else ""
    return (
        f"Its instance{instance} and everything on it will be destroyed at once."
        f"{builds} You can't undo this."
    )


def can_be_forced(server: Server) -> bool:
    """Tell whether force changes anything: it removes an errored server at once."""
    return server.state == State.ERROR and not is_removal(server)


# By the class of the cloud's answer; see clouds/base.py.
FAILURES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "NoCapacity": "No capacity at the cloud",
        "Quota": "The account's quota is used up",
        "Refused": "The cloud refused it",
        "Credentials": "The credentials are refused",
        "Throttled": "Too many calls",
        "Unreachable": "The cloud was not reached",
        "UnknownOutcome": "No answer, and nothing was created",
        "Clock": "This machine's clock is wrong",
        "Unsent": "A worker was stopped before it could ask",
        "Failed": "The instance failed before it was ready",
        "Cloud": "The cloud answered with an error",
    }
)


def say_failure(name: str) -> str:
    """Return in words why a create failed, of the class of the answer."""
    return FAILURES.get(name, name)


BULK_VERBS: Final[Mapping[str, str]] = MappingProxyType(
    {"terminate": "Terminate", "retry": "Retry", "label": "Label"}
)


def say_why_not_in_bulk(act: str, server: Server, *, known_to_work: bool) -> str:
    """Return why an act on many leaves this server out, or "".

    ``known_to_work``: the person was told that it works, and confirmed that.
    """
    state = State(server.state)
    if act == "retry" and Event.RETRY_REQUESTED not in allowed(state):
        return f"It is {state}; only a server in error can be retried."
    if act == "label" and state == State.STOPPED:
        return "It is stopped; nothing can be changed."
    if act != "terminate":
        return ""
    if state in ENDING:
        return "Its end was asked for before."
    if server.protected:
        return "It is protected. Lift its protection first."
    if state == State.RUNNING and not known_to_work:
        return "It works by now, which you were not told. Look again, and ask again."
    return ""


REPEATED: Final = (
    "This form was sent before, and was carried out then. Nothing was doubled."
)
