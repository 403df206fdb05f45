"""The words for states, actions and events; which actions are possible, and why not.

The actions derive from the transition table, so none is offered that it forbids.
Templates loop over them and add no words.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from django.urls import reverse

from servers.dashboard.shared.termination import is_draining, is_removal
from servers.lifecycle.states import BOOTING, ENDING, Event, State
from servers.lifecycle.transitions import allowed
from servers.models import Server
from servers.records.ledger import Fact

# The tone is a class in badge.css. The icon in icons.svg has the name of the state.
TONES: Final[Mapping[State, str]] = {
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
MEANINGS: Final[Mapping[State, str]] = {
    State.PENDING: "Accepted. No create call is under way.",
    State.CREATING: "A create call was sent, or is about to be.",
    State.CREATED: "Its instance exists, but has no address yet.",
    State.STAGING: "It has an address, but is not known to be ready yet.",
    State.RUNNING: "Ready for builds.",
    State.SHUTDOWN: "Draining: running builds finish before its instance is destroyed.",
    State.STOPPING: "Its instance is being destroyed. That is not confirmed yet.",
    State.STOPPED: "Confirmed gone. It no longer costs anything.",
    State.ERROR: "Failed. Anything it still has at the cloud is being cleaned up.",
}
HAPPENED: Final[Mapping[str, str]] = {
    Event.ATTEMPT_WRITTEN: "Sending the create call",
    Event.INSTANCE_KNOWN: "Instance identified",
    Event.ATTEMPT_REFUSED: "Refused by the cloud",
    Event.ATTEMPT_ABSENT: "Attempt created nothing",
    Event.CANDIDATES_EXHAUSTED: "Nothing left to try",
    Event.ADDRESS_SEEN: "Address assigned",
    Event.READY: "Ready for builds",
    Event.DEADLINE_PASSED: "Timed out",
    Event.INSTANCE_VANISHED: "Instance vanished",
    Event.INSTANCE_INTERRUPTED: "Spot instance taken back",
    Event.INSTANCE_FAILED: "Instance failed before it was ready",
    Event.HEALTH_LOST: "Health lost",
    Event.RETRY_REQUESTED: "Retry requested",
    Event.STOP_REQUESTED: "Termination requested",
    Event.DRAINED: "Drained",
    Event.ABSENCE_CONFIRMED: "Confirmed gone",
    Event.DISOWNED: "Left to the fleet it belongs to",
    Fact.REQUESTED: "Requested",
    Fact.ATTEMPT_ANSWERED: "Response from the cloud",
    Fact.ATTEMPT_CLOSED: "Attempt closed",
    Fact.DESTROY_ASKED: "Destroy call sent",
    Fact.HIDDEN: "Removed from the list",
    Fact.CHANGED: "Changed",
    Fact.CORDONED: "Cordoned",
    Fact.UNCORDONED: "Uncordoned",
    Fact.FORCED: "Drain skipped",
    Fact.CONDEMNED: "Condemned",
    Fact.ORPHAN_GONE: "Orphan gone",
    Fact.UNEXPLAINED: "Unknown instance",
    Fact.HELD: "Needs a decision",
    Fact.LEFTOVER_GONE: "Leftover gone",
    Fact.ADOPTED: "Adopted",
    Fact.PAUSED: "Pause flag set",
    Fact.RESUMED: "Pause flag cleared",
    Fact.FROZEN: "Destroys frozen",
    Fact.UNFROZEN: "Destroys allowed again",
    Fact.FLEET_CONFIRMED: "Fleet confirmed",
    Fact.ACCOUNT_CHANGED: "Account changed",
    Fact.BREAKER_OPENED: "Circuit breaker opened",
    Fact.BREAKER_CLOSED: "Circuit breaker closed",
    Fact.TEMPLATE_CHANGED: "Template changed",
    Fact.QUEUE_CHANGED: "Queue changed",
    Fact.POOL_CHANGED: "Pool changed",
    Fact.TOKEN_MADE: "Token created",
    Fact.TOKEN_REVOKED: "Token revoked",
    Fact.KEYS_READ: "Keys read",
    Fact.SCAN_ASKED: "Listing requested",
    Fact.LOGGED_IN: "Logged in",
    Fact.LOG_IN_FAILED: "Log-in failed",
    Fact.LOGGED_OUT: "Logged out",
    Fact.PASSWORD_CHANGED: "Password changed",
    Fact.PERSON_CHANGED: "Person changed",
    Fact.PROCESS_ENDED: "Process stopped",
}
_HAPPENED_TONES: Final[Mapping[str, str]] = {
    Event.READY: "good",
    Event.ATTEMPT_REFUSED: "warn",
    Event.ATTEMPT_ABSENT: "warn",
    Event.INSTANCE_FAILED: "warn",
    Event.CANDIDATES_EXHAUSTED: "bad",
    Event.DEADLINE_PASSED: "bad",
    Event.INSTANCE_VANISHED: "bad",
    Event.INSTANCE_INTERRUPTED: "bad",
    Event.HEALTH_LOST: "bad",
    Fact.CONDEMNED: "warn",
    Fact.UNEXPLAINED: "bad",
    Fact.HELD: "warn",
    Fact.LOG_IN_FAILED: "warn",
    Fact.PROCESS_ENDED: "warn",
    Fact.BREAKER_OPENED: "bad",
    Fact.BREAKER_CLOSED: "good",
}


@dataclass(frozen=True, slots=True)
class Action:
    """One button: templates/partials/action.html draws it.

    ``GET`` leads to a page, which asks first (a dialog with JavaScript) if there is
    ``danger``. ``why_not`` says why the action is not possible now. ``fields`` are
    hidden ones of its form.
    """

    name: str
    label: str
    url: str
    method: str = "POST"
    danger: bool = False
    why_not: str = ""
    fields: Mapping[str, str] = field(default_factory=dict)


def describe_kind(kind: str) -> tuple[str, str]:
    """Return the words and the tone of an event's kind."""
    return HAPPENED.get(kind, kind.replace("_", " ")), _HAPPENED_TONES.get(kind, "idle")


def actions_for(server: Server, user: Any, *, leftovers: str = "") -> list[Action]:
    """Return the actions that ``user`` can take on ``server`` in its state.

    ``leftovers`` says why it can't be retried, if the caller has checked.
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
    if state in BOOTING | {State.RUNNING}:
        name = "uncordon" if server.cordoned else "cordon"
        yield Action(name, name.capitalize(), reverse(name, args=[server.name]))
    if state not in ENDING:
        name = "unprotect" if server.protected else "protect"
        yield Action(name, name.capitalize(), reverse(name, args=[server.name]))
    if Event.STOP_REQUESTED in events:
        yield _termination(server)
    elif is_draining(server):
        yield _ask_to_terminate(server, "Terminate now…")


def _termination(server: Server) -> Action:
    label = "Remove…" if is_removal(server) else "Terminate…"
    why_not = "It is protected. Unprotect it first." if server.protected else ""
    return _ask_to_terminate(server, label, why_not)


def _ask_to_terminate(server: Server, label: str, why_not: str = "") -> Action:
    url = reverse("terminate", args=[server.name])
    return Action("terminate", label, url, method="GET", danger=True, why_not=why_not)


# By the class of the cloud's answer; see clouds/base.py.
FAILURES: Final[Mapping[str, str]] = {
    "NoCapacity": "No capacity at the cloud",
    "Quota": "The account's quota is used up",
    "Refused": "Refused by the cloud",
    "Credentials": "Credentials refused",
    "Throttled": "Too many calls",
    "Unreachable": "Cloud unreachable",
    "UnknownOutcome": "No answer, and nothing was created",
    "Clock": "This machine's clock is wrong",
    "Registration": "No CI registered its agent",
    "Unsent": "Worker stopped before it sent the call",
    "Failed": "The instance failed before it was ready",
    "Cloud": "The cloud returned an error",
}


def say_failure(name: str) -> str:
    """Return why a create failed, in words, from the class of the answer."""
    return FAILURES.get(name, name)


BULK_VERBS: Final[Mapping[str, str]] = {
    "terminate": "Terminate",
    "retry": "Retry",
    "label": "Label",
}


def say_why_not_in_bulk(act: str, server: Server, *, known_to_work: bool) -> str:
    """Return why a bulk action skips this server, or "".

    ``known_to_work``: the person was told that it is running, and confirmed that.
    """
    state = State(server.state)
    if act == "retry" and Event.RETRY_REQUESTED not in allowed(state):
        return f"It is {state}. Only failed servers can be retried."
    if act == "label" and state == State.STOPPED:
        return "It is stopped and can't be changed."
    if act != "terminate":
        return ""
    if state in ENDING:
        return "It is already terminating or stopped."
    if server.protected:
        return "It is protected. Unprotect it first."
    if state == State.RUNNING and not known_to_work:
        return "It has started running since you were asked. Check it and try again."
    return ""


REPEATED: Final = "This form was already sent and carried out. Nothing was done twice."
