"""AWS's sources of temporary keys over HTTP: metadata service, container endpoint, STS.

It also has an EC2 that accepts only calls signed with valid keys. It is stateful: each
request returns new keys, which can be revoked.
"""

import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

from tests.support.serving import serve_http

SESSION = "session-of-the-metadata-service"
ROLE = "builders"
EMPTY = "<DescribeInstancesResponse><reservationSet/></DescribeInstancesResponse>"


class Aws:
    """The simulation. ``url`` is its address, ``asked`` lists the requests it got."""

    def __init__(self) -> None:
        self.lasts = 3600.0  # seconds that temporary keys are valid
        self.delay = 0.0  # before keys are returned
        self.role = ROLE  # "" means no role
        self.external_id = ""  # what the trust policy requires
        self.trusted = True
        self.broken: dict[str, tuple[int, str]] = {}  # path or action to answer
        self.keys: dict[str, str] = {"AKIATYPED": ""}  # id to session token
        self.asked: Counter[str] = Counter()
        self.forms: list[dict[str, str]] = []
        self.signed_by: list[str] = []
        self._lock = threading.Lock()
        bench = self

        class Handler(BaseHTTPRequestHandler):
            def do_PUT(self) -> None:
                bench.metadata(self)

            def do_GET(self) -> None:
                bench.metadata(self)

            def do_POST(self) -> None:
                size = int(self.headers["Content-Length"])
                form = parse_qs(self.rfile.read(size).decode())
                bench.query(self, {name: texts[0] for name, texts in form.items()})

            def log_message(self, *_: Any) -> None:
                return

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def revoke(self) -> None:
        """Revoke all temporary keys."""
        self.keys = {"AKIATYPED": ""}

    def metadata(self, request: BaseHTTPRequestHandler) -> None:
        """Answer as the metadata service and as a container's endpoint."""
        path = request.path
        self.asked[f"{request.command} {path}"] += 1
        if answer := self.broken.get(path):
            _send(request, *answer)
        elif path == "/latest/api/token":
            wanted = request.headers.get("X-aws-ec2-metadata-token-ttl-seconds")
            ok = request.command == "PUT" and bool(wanted)
            _send(request, 200 if ok else 400, SESSION)
        elif path == "/container":
            ok = request.headers.get("Authorization") == "pod-token"
            _send(request, 200 if ok else 401, json.dumps(self.lend("ASIAPOD")))
        elif request.headers.get("X-aws-ec2-metadata-token") != SESSION:
            _send(request, 401, "")
        elif path == "/latest/meta-data/iam/security-credentials/":
            _send(request, 200 if self.role else 404, self.role)
        elif path == f"/latest/meta-data/iam/security-credentials/{self.role}":
            time.sleep(self.delay)
            _send(request, 200, json.dumps(self.lend("ASIAMACHINE")))
        else:
            _send(request, 404, "")

    def query(self, request: BaseHTTPRequestHandler, form: dict[str, str]) -> None:
        """Answer as STS and as EC2."""
        action = form["Action"]
        self.asked[action] += 1
        self.forms.append(form)
        if answer := self.broken.get(action):
            _send(request, *answer)
        elif action == "AssumeRoleWithWebIdentity":
            ok = form.get("WebIdentityToken") == "a-token-of-the-cluster"
            _send(request, *(self.assume("ASIAWEB") if ok else _error("AccessDenied")))
        elif not self._is_signed(request):
            _send(request, *_error("ExpiredToken"))
        elif action == "AssumeRole":
            ok = self.trusted and form.get("ExternalId", "") == self.external_id
            _send(request, *(self.assume("ASIAROLE") if ok else _error("AccessDenied")))
        else:
            _send(request, 200, EMPTY)

    def _is_signed(self, request: BaseHTTPRequestHandler) -> bool:
        authorization = request.headers.get("Authorization", "")
        key = authorization.partition("Credential=")[2].partition("/")[0]
        self.signed_by.append(key)
        return self.keys.get(key) == request.headers.get("X-Amz-Security-Token", "")

    def lend(self, prefix: str) -> dict[str, str]:
        """Return new keys in the format of the metadata service."""
        with self._lock:
            key = f"{prefix}{len(self.keys)}"
            self.keys[key] = f"needle-token-{key}"
        ends = datetime.fromtimestamp(time.time() + self.lasts, UTC)
        return {
            "Code": "Success",
            "AccessKeyId": key,
            "SecretAccessKey": f"needle-secret-{key}",
            "Token": self.keys[key],
            "Expiration": ends.strftime("%Y-%m-%dT%H:%M:%SZ"),
        }

    def assume(self, prefix: str) -> tuple[int, str]:
        """Return new keys in the format of STS."""
        time.sleep(self.delay)
        lent = self.lend(prefix)
        lent["SessionToken"] = lent.pop("Token")
        body = "".join(f"<{name}>{text}</{name}>" for name, text in lent.items())
        return 200, (
            '<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">'
            f"<AssumeRoleResult><Credentials>{body}</Credentials></AssumeRoleResult>"
            "</AssumeRoleResponse>"
        )


def _error(code: str) -> tuple[int, str]:
    return 403, (
        f"<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code>"
        f"<Message>The words of {code}.</Message></Error></ErrorResponse>"
    )


def _send(request: BaseHTTPRequestHandler, status: int, body: str) -> None:
    data = body.encode()
    request.send_response(status)
    request.send_header("Content-Length", str(len(data)))
    request.end_headers()
    request.wfile.write(data)


@contextmanager
def run_aws() -> Iterator[Aws]:
    """Run the simulation for a block."""
    aws = Aws()
    thread = threading.Thread(target=aws.server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield aws
    finally:
        aws.server.shutdown()
        thread.join()
        aws.server.server_close()


JsonAnswers = list[tuple[dict[str, str], dict[str, str]]]


@contextmanager
def answering_json(
    answer: Callable[[dict[str, str]], tuple[int, object]], seen: JsonAnswers
) -> Iterator[str]:
    """Serve a JSON API of AWS; note the headers and the body of each request."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            seen.append((dict(self.headers.items()), body))
            status, told = answer(body)
            data = json.dumps(told).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: Any) -> None:
            return

    with serve_http(Handler) as url:
        yield url
