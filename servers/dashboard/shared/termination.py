"""What terminating a server waits for and destroys, in words."""

from typing import Final

from servers.lifecycle.conditions import Always
from servers.lifecycle.drain import list_names
from servers.lifecycle.ending import leaves_list
from servers.lifecycle.states import BOOTING, HOLDING, State, Want
from servers.machine.agents.cordon import explain_drain
from servers.models import Server
from servers.placing.machines import describe_machine_of, load_hosts
from servers.wording import say_duration

_UNDONE: Final = "You can't undo this."
SEES_NOTHING: Final = "ServerFleet can't see its builds, so those that run fail."


def is_removal(server: Server) -> bool:
    """Tell whether terminating removes the server from the list at once."""
    return _leaves_list(server, force=False)


def waits_for_builds(server: Server) -> bool:
    """Tell whether terminating it would wait for builds, which ServerFleet can see."""
    if server.state not in HOLDING | {State.ERROR}:
        return False
    if server.ready_at is None and not describe_machine_of(server).unready_wait:
        return False
    can_wait = bool(server.instance_id and server.recipe.drain_seconds)
    return can_wait and _sees_builds(server)


def is_draining(server: Server) -> bool:
    """Tell whether it waits for builds now, so that force would end that."""
    if server.state != State.SHUTDOWN or server.want == Want.NOW:
        return False
    return _sees_builds(server)


def _sees_builds(server: Server) -> bool:
    # Otherwise nothing is looked at, and the instance is destroyed at once.
    return not isinstance(describe_machine_of(server).drained, Always)


def say_what_is_lost(server: Server) -> str:
    """Return what terminating a server waits for and destroys, in sentences."""
    if is_draining(server):
        return say_what_force_cuts(server)
    if server.state in BOOTING and not server.instance_id:
        return (
            "It has no known instance yet. If the cloud still creates one, it is "
            "destroyed as soon as it is seen."
        )
    if is_removal(server):
        return (
            "It is removed from the list at once, and its name becomes free. Anything "
            "it still has at the cloud is destroyed in the background."
        )
    instance = f"Its instance {server.instance_id}".rstrip()
    if waits_for_builds(server):
        limit = say_duration(server.recipe.drain_seconds)
        return (
            f"{instance} and everything on it will be destroyed once its running "
            f"builds have finished, after {limit} at the latest. "
            f"{explain_drain(server.recipe.agent)} {_UNDONE}"
        )
    builds = f" {SEES_NOTHING}" if server.state == State.RUNNING else ""
    return (
        f"{instance} and everything on it will be destroyed at once.{builds} {_UNDONE}"
    )


def say_what_force_cuts(server: Server) -> str:
    """Return what is lost if a drain ends now, in sentences. One query at most."""
    host = load_hosts([server]).get(server.pk)
    builds = host.builds if host is not None else []
    what = (
        f"These builds are still running and will fail: {list_names(builds)}."
        if builds
        else "Builds that still run on it fail."
    )
    return (
        f"Its instance and everything on it will be destroyed at once. {what} {_UNDONE}"
    )


def can_be_forced(server: Server) -> bool:
    """Tell whether force changes anything about its termination."""
    return can_be_removed_by_force(server) or waits_for_builds(server)


def can_be_removed_by_force(server: Server) -> bool:
    """Tell whether force removes it from the list at once: it failed."""
    return _leaves_list(server, force=True) and not is_removal(server)


def say_force(*, removes: bool, skips_drain: bool, count: int = 1) -> tuple[str, str]:
    """Return the label and the help of the checkbox for force.

    It removes failed servers from the list, or skips the wait for builds, or both.
    """
    cut = "Builds that still run fail."
    if skips_drain and not removes:
        return "Terminate now, without waiting for builds (force)", cut
    if skips_drain:
        label = "Don't wait for builds, and remove failed servers at once (force)"
        return label, f"{cut} Instances are destroyed in the background."
    if count == 1:
        label = "Remove it from the list at once (force)"
        help_text = "Its name becomes free, and its instance is destroyed in the "
    else:
        label = "Remove failed servers from the list at once (force)"
        help_text = "Their names become free, and their instances are destroyed in the "
    return label, f"{help_text}background."


def _leaves_list(server: Server, *, force: bool) -> bool:
    return leaves_list(State(server.state), instance_id=server.instance_id, force=force)
