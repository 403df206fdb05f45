"""Keystone, for the fake of OpenStack: tokens and the catalogue of services."""

from datetime import UTC, datetime, timedelta
from hashlib import md5
from typing import Any

from tests.clouds.fakes.base import Fake
from tests.clouds.fakes.openstack_offers import CREATED, REGION
from tests.clouds.fakes.wire import Request, Response, route

_PLACES = {
    "compute": "/compute/v2.1",
    "network": "/network",
    "image": "/image",
    "volumev3": "/volume/v3/{project}",
    "identity": "/identity/v3",
}
_PREFIXES = {"public": "", "internal": "/internal", "admin": "/admin"}


class Identity(Fake):
    """The calls of Keystone, and the check of tokens that stands before all others."""

    def __init__(self) -> None:
        super().__init__()
        self.issued: dict[str, str] = {}  # a token of Keystone's to its account's
        self.token_life = timedelta(hours=1)

    @property
    def url(self) -> str:
        return f"{self.origin}/identity/v3"

    def read_token(self, request: Request) -> str:
        return self.issued.get(request.headers.get("x-auth-token", ""), "")

    @route("POST", "/identity/v3/auth/tokens", role="token")
    def sign_in(self, request: Request) -> Response:
        auth = request.data["auth"]
        identity = auth["identity"]
        if identity["methods"] == ["application_credential"]:
            secret = identity["application_credential"]["secret"]
        else:
            secret = identity["password"]["user"]["password"]
            assert auth["scope"]["project"]
        if secret not in self.tokens:
            return refuse_token("unauthorized", request)
        if secret in self.expired:
            return refuse_token("expired", request)
        value = f"gAAAA-{len(self.issued)}-{self.next_number()}"
        self.issued[value] = secret
        token = {
            "methods": identity["methods"],
            "user": {"id": "b5b7b73bb11aecf31bc12b3d2871397b", "name": "ops"},
            "audit_ids": ["ly85n2htTfiIb9uQCnflSg"],
            "expires_at": (datetime.now(UTC) + self.token_life).isoformat(),
            "issued_at": CREATED,
            "project": {"id": project_of(self.tokens[secret]), "name": "builders"},
            "is_domain": False,
            "roles": [{"id": "b66c4fd7b67b458e1d721f6232b56de9", "name": "member"}],
            "catalog": self.show_catalogue(project_of(self.tokens[secret])),
        }
        return Response(201, {"token": token}, {"X-Subject-Token": value})

    def revoke(self) -> None:
        """Have all tokens so far be rejected."""
        with self.lock:
            self.issued = dict.fromkeys(self.issued, "")

    def show_catalogue(self, project: str) -> list[dict[str, Any]]:
        """Return the catalogue of services; only the public addresses have any."""
        return [
            {
                "id": f"service-{kind}",
                "type": kind,
                "name": kind,
                "endpoints": [
                    {
                        "id": f"{kind}-{interface}-{region}",
                        "interface": interface,
                        "region": region,
                        "region_id": region,
                        "url": f"{self.origin}{_PREFIXES[interface]}"
                        + path.format(project=project),
                    }
                    for region in (REGION, "RegionTwo")
                    for interface in _PREFIXES
                ],
            }
            for kind, path in _PLACES.items()
        ]


def project_of(account: str) -> str:
    """Return the id of an account's project."""
    return md5(account.encode(), usedforsecurity=False).hexdigest()


def refuse_token(why: str, request: Request) -> Response:
    """Return the answer to a request whose token or credentials are no good."""
    if request.role != "token":
        # The check of the token stands before the service.
        return Response(
            401,
            "Authentication required",
            {"Content-Type": "text/html"},
        )
    message = "The request you have made requires authentication."
    if why == "expired":
        message = "The password is expired and needs to be changed for user: b5b7."
    error = {"message": message, "code": 401, "title": "Unauthorized"}
    return Response(401, {"error": error})
