"""The few calls of the Docker API that ServerFleet makes.

The paths have no version: their meaning has not changed for many years, while newer
daemons refuse old versions and older ones refuse new versions.
"""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPResponse
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote, urlencode

from servers.machine.docker.connection import (
    MAX_BYTES,
    Endpoint,
    Wire,
    check_acceptance,
    explain_failures,
    open_connection,
)
from servers.machine.docker.errors import (
    NOT_DOCKER,
    ApiError,
    ClashError,
    ClosedError,
    DockerError,
    MissingError,
    NotDockerError,
)
from servers.wording import make_printable


@dataclass(frozen=True, slots=True)
class Container:
    """A container as the daemon lists it. ``state`` is the daemon's own word."""

    id: str
    name: str
    image: str
    state: str
    labels: Mapping[str, str]


class Docker:
    """A server's Docker daemon. All calls together last at most ``timeout`` seconds.

    Each method raises a DockerError, whose message is for people. Once a call has
    failed because of the connection, use another object.
    """

    def __init__(self, endpoint: Endpoint, *, timeout: float) -> None:
        self.endpoint = endpoint
        self.ends = time.monotonic() + timeout
        self._connection: HTTPConnection | None = None
        self._wire: Wire | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._close()

    def ping(self) -> None:
        """Check that the daemon answers."""
        status, body = self._exchange("GET", "/_ping", None)
        if status != 200 or body.strip() != b"OK":
            raise NotDockerError(NOT_DOCKER)

    def version(self) -> str:
        """Return the daemon's version, such as 27.3.1."""
        version = self._get_object("/version").get("Version")
        if not isinstance(version, str) or len(version) > 100:
            raise NotDockerError(NOT_DOCKER)
        return make_printable(version)

    def list_containers(
        self,
        labels: Mapping[str, str] | None = None,
        *,
        all: bool = False,  # noqa: A002 - the API's own word
    ) -> list[Container]:
        """Return the running containers that have these labels; with ``all``, each.

        A label with the value "" matches whatever its value is.
        """
        wanted = [
            f"{name}={value}" if value else name
            for name, value in (labels or {}).items()
        ]
        query = urlencode({"all": int(all), "filters": json.dumps({"label": wanted})})
        found = self.call("GET", f"/containers/json?{query}")
        if not isinstance(found, list):
            raise NotDockerError(NOT_DOCKER)
        return [_read_container(entry) for entry in found]

    def inspect(self, name: str) -> dict[str, Any]:
        """Return what the daemon knows about a container. Raises MissingError."""
        return self._get_object(f"/containers/{_quote(name)}/json")

    def create(self, name: str, config: Mapping[str, Any]) -> str:
        """Create a container and return its id. ClashError: the name is taken."""
        path = f"/containers/create?{urlencode({'name': name})}"
        made = self.call("POST", path, config)
        identifier = made.get("Id") if isinstance(made, dict) else None
        if not isinstance(identifier, str):
            raise NotDockerError(NOT_DOCKER)
        return identifier

    def start(self, name: str) -> None:
        """Start a container. One that runs already stays as it is."""
        self.call("POST", f"/containers/{_quote(name)}/start")

    def stop(self, name: str, seconds: int) -> None:
        """Send a container its stop signal, and kill it after ``seconds``.

        The daemon answers once it has ended, so ``seconds`` must fit the timeout.
        """
        self.call("POST", f"/containers/{_quote(name)}/stop?t={seconds}")

    def kill(self, name: str, signal: str) -> None:
        """Send a container a signal. ClashError: it does not run."""
        query = urlencode({"signal": signal})
        self.call("POST", f"/containers/{_quote(name)}/kill?{query}")

    def remove(self, name: str) -> None:
        """Remove a container and its anonymous volumes, whether it runs or not."""
        self.call("DELETE", f"/containers/{_quote(name)}?force=1&v=1")

    def has_image(self, name: str) -> bool:
        """Tell whether an image was pulled already."""
        try:
            self._get_object(f"/images/{quote(name, safe='/:@')}/json")
        except MissingError:
            return False
        return True

    def has_path(self, container: str, path: str) -> bool:
        """Tell whether a container, running or not, has a file or folder."""
        query = urlencode({"path": path})
        where = f"/containers/{_quote(container)}/archive?{query}"
        status, _ = self._exchange("HEAD", where, None)  # no answer has a body
        if status not in {200, 404}:
            raise NotDockerError(NOT_DOCKER)
        return status == 200

    def call(
        self, method: str, path: str, body: Mapping[str, Any] | None = None
    ) -> Any:
        """Make one call and return its JSON; None if the answer has no body."""
        status, content = self._exchange(method, path, body)
        with explain_failures():
            found = json.loads(content) if content.strip() else None
        if status < 300 or status == 304:
            return found
        raise _explain_status(status, found)

    def call_lines(self, path: str) -> list[Any]:
        """Return the JSON of each line of an answer, such as that of events."""
        status, content = self._exchange("GET", path, None)
        with explain_failures():
            found = [json.loads(line) for line in content.splitlines() if line.strip()]
        if status == 200:
            return found
        raise _explain_status(status, found[0] if found else None)

    def _get_object(self, path: str) -> dict[str, Any]:
        found = self.call("GET", path)
        if not isinstance(found, dict):
            raise NotDockerError(NOT_DOCKER)
        return found

    def _exchange(
        self, method: str, path: str, body: Mapping[str, Any] | None
    ) -> tuple[int, bytes]:
        connection = self._connect()
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json"} if data else {}
        try:
            with explain_failures():
                connection.request(method, path, body=data, headers=headers)
                response = connection.getresponse()
                content = _read(response)
        except ClosedError:
            self._close()
            check_acceptance(self.endpoint, ends=self.ends)
            raise
        except DockerError:
            self._close()
            raise
        if response.will_close:
            self._close()
        return response.status, content

    def _connect(self) -> HTTPConnection:
        if self._connection is None:
            secured = open_connection(self.endpoint, ends=self.ends)
            self._wire = Wire(secured, ends=self.ends)
            self._connection = HTTPConnection("docker")
            self._connection.sock = self._wire
        return self._connection

    def _close(self) -> None:
        wire, self._wire, self._connection = self._wire, None, None
        if wire is not None:
            wire.connection.close()


def _read(response: HTTPResponse) -> bytes:
    content = response.read(MAX_BYTES)
    if not response.isclosed():
        raise NotDockerError(NOT_DOCKER)
    return content


def _explain_status(status: int, found: object) -> ApiError | NotDockerError:
    said = found.get("message") if isinstance(found, dict) else None
    if not isinstance(said, str) or status < 400:
        # Such as the page of a proxy, or a redirect. ServerFleet follows none.
        return NotDockerError(NOT_DOCKER)
    kind = {404: MissingError, 409: ClashError}.get(status, ApiError)
    words = make_printable(said)[:300].rstrip(".")
    return kind(f"The Docker daemon answered: {words}.", status=status)


def _read_container(entry: object) -> Container:
    match entry:
        case {
            "Id": str(identifier),
            "Names": list(names),
            "Image": str(image),
            "State": str(state),
            **others,
        }:
            labels = others.get("Labels")
            return Container(
                id=identifier,
                name=str(names[0]).removeprefix("/") if names else "",
                image=image,
                state=state,
                labels=_read_labels(labels),
            )
    raise NotDockerError(NOT_DOCKER)


def _read_labels(found: object) -> dict[str, str]:
    if not isinstance(found, dict):
        return {}
    return {name: value for name, value in found.items() if isinstance(value, str)}


def _quote(name: str) -> str:
    return quote(name, safe="")
