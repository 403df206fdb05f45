"""A client like the Go program ``drone``: it sends little, and decodes strictly.

It sends no Content-Type, no Accept and no body, and decodes answers like Go's typed
decoder: an int field accepts only a JSON integer, a string field only a JSON string,
and ``[]byte`` base64 text or null. Stricter than Go, it requires all nineteen fields in
their order, and checks what DELETE answers.
"""

import base64
import binascii
import http.client
import json
import os
import re
import shutil
import subprocess
import tempfile
import weakref
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, urlencode, urlsplit

TEXTS: Final = (
    *("id", "provider", "state", "name", "image"),
    *("region", "size", "address", "secret", "error"),
)
INTS: Final = ("capacity", "created", "updated", "started", "stopped")
BYTES: Final = ("ca_key", "ca_cert", "tls_key", "tls_cert")
MAX_INT: Final = 2**63 - 1


class DecodeError(Exception):
    """An error of Go's json.Unmarshal."""


class ServerError(Exception):
    """The service's own message, with its status."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(f"{status}: {message}")
        self.status = status


@dataclass(frozen=True)
class Server:
    """The nineteen fields, in Go's types."""

    id: str
    provider: str
    state: str
    name: str
    image: str
    region: str
    size: str
    address: str
    capacity: int
    secret: str
    error: str
    ca_key: bytes
    ca_cert: bytes
    tls_key: bytes
    tls_cert: bytes
    created: int
    updated: int
    started: int
    stopped: int


FIELDS: Final = [field.name for field in fields(Server)]


def decode_server(value: Any) -> Server:
    """Return one server. Raise DecodeError for anything a strict client rejects."""
    if not isinstance(value, dict):
        raise DecodeError(f"an object was expected: {value!r}")
    if list(value) != FIELDS:
        raise DecodeError(f"other fields, or another order: {list(value)}")
    return Server(**{name: _decode(name, value[name]) for name in FIELDS})


def _decode(name: str, value: Any) -> Any:
    if name in TEXTS:
        if type(value) is str:
            return value
    elif name in INTS:
        # For Go, 1.0, 1e3 and true are not ints. Python reads the first as float.
        if type(value) is int and abs(value) <= MAX_INT:
            return value
    elif value is None:
        return b""
    elif type(value) is str:
        try:
            return base64.b64decode(value, validate=True)
        except binascii.Error:
            pass
    raise DecodeError(f"cannot decode {value!r} into the field {name}")


class Drone:
    """``drone server …`` with ``DRONE_AUTOSCALER=http://host:port/path``."""

    def __init__(self, host: str, port: int, token: str, *, path: str = "") -> None:
        self.host, self.port, self.token, self.path = host, port, token, path
        self.home = Path(tempfile.mkdtemp())
        weakref.finalize(self, shutil.rmtree, self.home, ignore_errors=True)

    @classmethod
    def from_environment(cls, env: Mapping[str, str]) -> "Drone":
        """Return the command line with these variables. All three are required."""
        for name in ("DRONE_SERVER", "DRONE_TOKEN", "DRONE_AUTOSCALER"):
            if not env.get(name):
                raise ValueError(f"drone wants {name}")
        place = urlsplit(env["DRONE_AUTOSCALER"].removesuffix("/"))
        assert place.hostname
        port = place.port or 80
        return cls(place.hostname, port, env["DRONE_TOKEN"], path=place.path)

    def run(self, words: Sequence[str]) -> str:
        """Run the words after ``drone``, and return what it prints."""
        match list(words):
            case ["server", "ls"]:
                return "\n".join(server.name for server in self.list())
            case ["server", "create"]:
                return self.create().name
            case ["server", "info", name]:
                return render(self.info(name))
            case ["server", "destroy", name]:
                self.destroy(name)
                return str(name)
            case ["server", "destroy", "--force", name]:
                self.destroy(name, force=True)
                return str(name)
            case ["server", "env", name]:
                return self.env(name)
        raise ValueError(f"drone has no such command: {words}")

    def list(self) -> "list[Server]":
        """``drone server ls``."""
        found = self._call("GET", "/api/servers")
        if not isinstance(found, list):
            raise DecodeError(f"an array was expected: {found!r}")
        return [decode_server(entry) for entry in found]

    def info(self, name: str) -> Server:
        """``drone server info``."""
        return decode_server(self._call("GET", f"/api/servers/{quote(name, safe='')}"))

    def create(self) -> Server:
        """``drone server create``."""
        return decode_server(self._call("POST", "/api/servers"))

    def destroy(self, name: str, *, force: bool = False) -> Server | None:
        """``drone server destroy``. None if the server was removed at once (204)."""
        query = "?" + urlencode({"force": "true"}) if force else ""
        path = f"/api/servers/{quote(name, safe='')}{query}"
        found = self._call("DELETE", path)
        return None if found is None else decode_server(found)

    def env(self, name: str) -> str:
        """``drone server env``: what a shell needs to reach its Docker daemon.

        It writes three files, and never asks again for a name that it knows.
        """
        base = self.home / ".drone" / "certs" / name
        if not base.exists():
            server = self.info(name)
            base.mkdir(parents=True)
            (base / "address").write_text(server.address)
            (base / "ca.pem").write_bytes(server.ca_cert)
            (base / "cert.pem").write_bytes(server.tls_cert)
            (base / "key.pem").write_bytes(server.tls_key)
        address = (base / "address").read_text()
        return "\n".join(
            (
                "export DOCKER_TLS=1",
                "export DOCKER_TLS_VERIFY=",
                f"export DOCKER_CERT_PATH={base}",
                f"export DOCKER_HOST=tcp://{address}:2376",
            )
        )

    def _call(self, method: str, path: str) -> Any:
        connection = http.client.HTTPConnection(self.host, self.port, timeout=20)
        try:
            # skip_accept_encoding: Go requests and decodes gzip itself.
            where = self.path + path
            connection.putrequest(method, where, skip_accept_encoding=True)
            connection.putheader("Authorization", f"Bearer {self.token}")
            connection.putheader("User-Agent", "Go-http-client/1.1")
            connection.endheaders()
            answer = connection.getresponse()
            body = answer.read()
            if 300 <= answer.status < 400:
                raise ServerError(answer.status, "drone follows no redirect")
            if answer.status == 204:
                return None
            kind = answer.getheader("Content-Type")
            if kind != "application/json; charset=utf-8":
                raise DecodeError(f"no JSON: {kind}")
            value = json.loads(body, object_pairs_hook=_once)
        finally:
            connection.close()
        if answer.status > 299:
            raise ServerError(answer.status, value["message"])
        return value


def _once(pairs: "list[tuple[str, Any]]") -> dict[str, Any]:
    if len(dict(pairs)) != len(pairs):
        raise DecodeError("a field is there twice")
    return dict(pairs)


def render(server: Server) -> str:
    """Return what ``drone server info`` prints: lines of a name and a value."""
    return "\n".join(
        f"{name.capitalize():<9} {getattr(server, name)}"
        for name in ("name", "address", "region", "size", "state")
    )


def read_exports(line: str, **env: str) -> dict[str, str]:
    """Run a line in a shell, and return the DRONE_ variables that it sets."""
    done = subprocess.run(
        ["bash", "-c", f"{line} && env"],
        env={"PATH": os.environ["PATH"], **env},
        capture_output=True,
        check=True,
        text=True,
    )
    found = (each.partition("=") for each in done.stdout.splitlines())
    return {name: value for name, _, value in found if name.startswith("DRONE_")}


def read_lines(text: str) -> "list[str]":
    """Return the commands in a document's ``sh`` blocks, with continuations joined."""
    blocks = re.findall(r"^```sh\n(.*?)^```", text, re.M | re.S)
    return [
        line.strip()
        for block in blocks
        for line in block.replace("\\\n", " ").splitlines()
        if line.strip()
    ]
