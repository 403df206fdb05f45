"""What is asked of the Docker API for agents alone."""

import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote, urlencode

from servers.machine.docker.client import Docker


def set_restart_policy(docker: Docker, container: str, policy: str) -> None:
    """Say when the daemon starts a container again by itself: with "no", never."""
    body = {"RestartPolicy": {"Name": policy}}
    docker.call("POST", f"/containers/{_quote(container)}/update", body)


def read_value(found: dict[str, Any], *path: str) -> Any:
    """Return a value from an answer that may have any form, or None."""
    value: Any = found
    for each in path:
        value = value.get(each) if isinstance(value, dict) else None
    return value


def read_restart_policy(found: dict[str, Any]) -> Any:
    """Return when the daemon starts a container that was inspected again by itself."""
    return read_value(found, "HostConfig", "RestartPolicy", "Name")


def runs_longer_than(found: dict[str, Any], least: timedelta) -> bool:
    """Tell whether a container has run for a while, or nobody knows.

    That needs clocks that agree: the daemon's says when it was started.
    """
    try:
        age = datetime.now(UTC) - read_time(
            str(read_value(found, "State", "StartedAt"))
        )
    except (ValueError, TypeError):  # it has another form, or no time zone
        return True
    return age < -least or age > least


def rename(docker: Docker, container: str, name: str) -> None:
    """Give a container another name. ClashError: it is taken."""
    query = urlencode({"name": name})
    docker.call("POST", f"/containers/{_quote(container)}/rename?{query}")


def pause(docker: Docker, container: str) -> None:
    """Stop all processes of a container where they are."""
    docker.call("POST", f"/containers/{_quote(container)}/pause")


def unpause(docker: Docker, container: str) -> None:
    """Let a paused container go on. ApiError: it is not paused."""
    docker.call("POST", f"/containers/{_quote(container)}/unpause")


def list_processes(docker: Docker, container: str) -> list[str]:
    """Return the command lines of a container's processes."""
    found = docker.call(
        "GET", f"/containers/{_quote(container)}/top?ps_args=-eo+pid,args"
    )
    rows = found.get("Processes") if isinstance(found, dict) else None
    if not isinstance(rows, list):
        return []
    return [" ".join(map(str, row)) for row in rows if isinstance(row, list)]


def has_network(docker: Docker, prefix: str) -> bool:
    """Tell whether there is a network whose name starts with ``prefix``."""
    query = urlencode({"filters": json.dumps({"name": [f"^{prefix}"]})})
    return bool(docker.call("GET", f"/networks?{query}"))


def list_actions(docker: Docker, container: str) -> list[tuple[str, str]]:
    """Return what was done to a container, as far as the daemon remembers.

    Each is an action and, of a kill, the number of its signal. Oldest first.
    """
    info = docker.call("GET", "/info")
    now = info.get("SystemTime") if isinstance(info, dict) else None
    try:
        # By the daemon's clock: until a time that has not come, it would wait.
        until = read_time(str(now)).timestamp()
    except ValueError:
        return []
    filters = {"container": [container], "event": ["start", "update", "kill"]}
    query = {"since": 0, "until": f"{until:f}", "filters": json.dumps(filters)}
    found = docker.call_lines(f"/events?{urlencode(query)}")
    return [_read_event(each) for each in found]


def read_time(text: str) -> datetime:
    """Return a time that Docker wrote. Raises ValueError."""
    # It has up to nine digits after the second, and Python reads six.
    return datetime.fromisoformat(re.sub(r"(\.\d{6})\d+", r"\1", text))


def _read_event(event: Any) -> tuple[str, str]:
    if not isinstance(event, dict):
        return "", ""
    actor = event.get("Actor")
    attributes = actor.get("Attributes") if isinstance(actor, dict) else None
    signal = attributes.get("signal") if isinstance(attributes, dict) else None
    return str(event.get("Action")), str(signal or "")


def _quote(name: str) -> str:
    return quote(name, safe="")
