"""Apps of GitHub: where one is installed, and the tokens that it is lent.

Source: GitHub's REST reference, "REST API endpoints for GitHub Apps".
"""

import base64
import json
from datetime import UTC, datetime
from functools import cached_property
from itertools import count

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from tests.clouds.fakes.wire import Request, Response, route
from tests.queues.fakes.github_base import GitHubBase, say, show_time


class GitHubApp(GitHubBase):
    """One App."""

    def __init__(self) -> None:
        super().__init__()
        self.app_id = "Iv23liExample"
        self.installed: dict[str, int] = {}  # owner to installation
        self.lent = count(1)
        self.token_life = 3600.0

    @cached_property
    def key(self) -> rsa.RSAPrivateKey:
        """The App's key. Few tests need one, and it takes a while."""
        return rsa.generate_private_key(public_exponent=65537, key_size=2048)

    @property
    def private_key(self) -> str:
        """The App's private key as GitHub hands it out."""
        form = PrivateFormat.TraditionalOpenSSL
        return self.key.private_bytes(Encoding.PEM, form, NoEncryption()).decode()

    @route("GET", "/orgs/{owner}/installation", "token")
    def show_installation(self, request: Request) -> Response:
        """Show where the App is installed, to the App itself."""
        if wrong := self._check_app(request):
            return wrong
        number = self.installed.get(request.params["owner"])
        return (
            self.refuse("missing", request)
            if number is None
            else Response(
                200, {"id": number, "app_slug": "fleet", "suspended_at": None}
            )
        )

    @route("GET", "/repos/{owner}/{repo}/installation", "token")
    def show_installation_of_repository(self, request: Request) -> Response:
        """Show where the App is installed, by a repository."""
        return self.show_installation(request)

    @route("POST", "/app/installations/{number}/access_tokens", "token")
    def lend_token(self, request: Request) -> Response:
        """Lend a token to the App."""
        if wrong := self._check_app(request):
            return wrong
        if int(request.params["number"]) not in self.installed.values():
            return self.refuse("missing", request)
        token = f"ghs_{self.app_id}_{next(self.lent)}"
        self.tokens[token] = "app"
        granted = {
            name
            for name in self.repositories
            if self.installed.get(name.partition("/")[0])
        }
        self.grants[token] = granted
        ends = datetime.now(UTC).timestamp() + self.token_life
        return Response(201, {"token": token, "expires_at": show_time(ends)})

    def _check_app(self, request: Request) -> Response | None:
        try:
            head, claims, signature = self.read_token(request).split(".")
            self.key.public_key().verify(
                _decode(signature),
                f"{head}.{claims}".encode(),
                padding.PKCS1v15(),
                SHA256(),
            )
        except (ValueError, InvalidSignature):
            return say(401, "A JSON web token could not be decoded")
        told = json.loads(_decode(claims))
        now = datetime.now(UTC).timestamp()
        if told["iss"] != self.app_id:
            return say(404, "Integration not found")
        if not now < told["exp"] <= now + 600 or told["iat"] > now:
            return say(401, "'Expiration time' claim ('exp') is too far in the future")
        return None


def _decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
