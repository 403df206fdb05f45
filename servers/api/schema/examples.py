"""One example of each request and response body."""

import base64
from typing import Any, Final

_AT: Final = 1767225600
_PEM: Final = base64.b64encode(b"-----BEGIN CERTIFICATE-----\n...\n").decode()

SERVER: Final[dict[str, Any]] = {
    "id": "i-4f1c2d9a",
    "provider": "sandbox",
    "state": "running",
    "name": "agent-7h2k9qxm",
    "image": "ubuntu-24.04",
    "region": "",
    "size": "small",
    "address": "10.7.3.19",
    "capacity": 2,
    "secret": "",
    "error": "",
    "ca_key": "",
    "ca_cert": _PEM,
    "tls_key": "",
    "tls_cert": _PEM,
    "created": _AT,
    "updated": _AT + 8,
    "started": _AT + 2,
    "stopped": 0,
}
PENDING: Final = {
    **SERVER,
    "id": "",
    "state": "pending",
    "address": "",
    "ca_cert": "",
    "tls_cert": "",
    "updated": _AT,
    "started": 0,
}
SHUTDOWN: Final = {**SERVER, "state": "shutdown", "updated": _AT + 600}
_EVENT: Final = {
    "id": 42,
    "at": _AT,
    "server": "agent-7h2k9qxm",
    "account": "sandbox",
    "kind": "requested",
    "from": "",
    "to": "pending",
    "reason": "Requested.",
    "actor": "token:ci",
    "request_id": "build-4711",
}
_TEMPLATE: Final[dict[str, Any]] = {
    "name": "large",
    "version": 1,
    "account": "sandbox",
    "region": "",
    "image": "debian-12",
    "size": "large",
    "capacity": 4,
    "has_user_data": True,
    "ssh_key": "",
    "labels": {"team": "builds"},
    "options": {},
    "spot": False,
    "readiness": "address",
    "readiness_port": 22,
    "ttl": 86400,
    "price_per_hour": "0.0425",
    "name_prefix": "agent-",
    "placements": [
        {
            "account": "sandbox",
            "region": "",
            "image": "debian-12",
            "size": size,
            "ssh_key": "",
            "options": {},
            "spot": False,
            "price_per_hour": price,
        }
        for size, price in (("large", "0.0425"), ("medium", "0.0212"))
    ],
    "overrides": "listed",
    "max_servers": None,
    "is_default": False,
}
_ACCOUNT: Final[dict[str, Any]] = {
    "name": "second",
    "kind": "sandbox",
    "endpoint": "",
    "region": "",
    "options": {"boot": 5},
    "identity": "",
    "max_servers": 20,
    "creates_per_minute": 60,
    "calls_at_once": 8,
    "enabled": True,
    "health": "ok",
    "health_note": "",
    "health_since": _AT,
    "locations": [
        {
            "region": "",
            "health": "ok",
            "health_note": "",
            "health_since": _AT,
            "compared": _AT,
        }
    ],
    "breaker": "closed",
    "breaker_note": "",
}
_TOKEN: Final[dict[str, Any]] = {
    "name": "ci",
    "id": "0f1e2d3c4b5a",
    "scopes": ["servers:write"],
    "last_used": _AT,
    "expires": 0,
    "revoked": 0,
    "maker": "ada",
    "parent": "",
}

ANSWERS: Final[dict[str, Any]] = {
    "Server": SERVER,
    "ServerOrServers": PENDING,
    "Details": {
        "name": "agent-7h2k9qxm",
        "state": "running",
        "account": "sandbox",
        "template": "default",
        "template_version": 1,
        "candidate": 0,
        "attempts": 1,
        "labels": {"team": "builds"},
        "ttl": 0,
        "protected": False,
        "capacity": 2,
        "created_by": "token:ci",
        "waiting": "",
        "state_since": _AT + 8,
        "reached": {"pending": _AT, "running": _AT + 8},
        "price_per_hour": "0.0425",
    },
    "Why": {
        "name": "agent-7h2k9qxm",
        "state": "running",
        "why": "The server is running.",
        "since": _AT + 8,
        "next": "Nothing, until someone requests something.",
        "next_at": 0,
        "last_answer": "",
    },
    "Event": _EVENT,
    "Attempt": {
        "number": 1,
        "account": "sandbox",
        "region": "",
        "size": "small",
        "key": "ci-0b9c2f6e4d5a4e0f8a7b6c5d4e3f2a1b-1-x7q2",
        "outcome": "accepted",
        "answer": "",
        "instance": "i-4f1c2d9a",
        "asked": _AT + 1,
        "answered": _AT + 2,
        "closed": 0,
    },
    "Template": _TEMPLATE,
    "Account": _ACCOUNT,
    "AccountTest": {
        "works": True,
        "findings": [
            {
                "region": "",
                "works": True,
                "tested": True,
                "message": "The listing works and shows 3 instances of this fleet.",
            }
        ],
    },
    "TrialBegun": {"server": "try-default-4f1c2d9a"},
    "Trial": {
        "server": "try-default-4f1c2d9a",
        "state": "stopped",
        "outcome": "works",
        "boot_seconds": 31.4,
        "queued_seconds": 0.2,
        "gone": True,
        "error": "",
        "steps": [
            {"state": "pending", "at": _AT, "seconds": 0.0},
            {"state": "running", "at": _AT + 31, "seconds": 31.4},
        ],
    },
    "Fleet": {
        "fleet": "sf7k2m9x",
        "confirmed": True,
        "paused": False,
        "paused_by": "",
        "paused_note": "",
        "destroys_frozen": False,
        "destroys_frozen_note": "",
        "max_servers": 500,
    },
    "Token": _TOKEN,
    "NewToken": {**_TOKEN, "last_used": 0, "token": "sf_0f1e2d3c4b5a_…"},
    "Me": {"name": "token:ci", "scopes": ["servers:read"], "expires": 0},
    "Leaks": {
        "clean": True,
        "at": _AT,
        "scopes": [
            {
                "account": "sandbox",
                "region": "",
                "clean": True,
                "compared": _AT,
                "fresh": True,
                "error": "",
                "bound": 76,
                "live": 3,
                "owned": 3,
                "held": 0,
                "counts": {
                    "instances": 0,
                    "instances_outside": 0,
                    "waits": 0,
                    "unconfirmed": 0,
                    "unconfirmed_outside": 0,
                    "leftovers": 0,
                    "leftovers_outside": 0,
                },
                "findings": [],
                "unconfirmed": [],
                "leftovers": [],
            }
        ],
        "history": [],
    },
    "Condemned": {"condemned": 7},
    "Health": {"status": "ok"},
    "Varz": {"paused": False},
    "Version": {
        "source": "https://github.com/serverfleet/serverfleet",
        "version": "0.1.0",
        "commit": "",
    },
    "OpenAPI": {"openapi": "3.1.0", "info": {}, "paths": {}},
}

BODIES: Final[dict[str, Any]] = {
    "ServerRequest": {"size": "large", "labels": {"team": "builds"}, "count": 1},
    "ServerChange": {"labels": {"team": "builds"}, "protected": False},
    "TemplateRequest": {
        "name": "huge",
        "capacity": 4,
        "labels": {"team": "builds"},
        "placements": [
            {
                "account": "sandbox",
                "image": "debian-12",
                "size": "large",
                "price_per_hour": "0.0425",
            },
            {"account": "sandbox", "image": "debian-12", "size": "medium"},
        ],
    },
    "TemplateChange": {"size": "medium", "max_servers": 50},
    "AccountRequest": {
        "name": "third",
        "kind": "sandbox",
        "credentials": {"token": "any"},
        "options": {"boot": 5},
        "max_servers": 20,
    },
    "AccountChange": {"max_servers": 40},
    "FleetChange": {"max_servers": 500},
    "TokenRequest": {"name": "deploys", "scopes": ["servers:write"], "expires": 0},
    "Place": {"account": "sandbox", "region": ""},
    "Adoption": {"template": "default"},
}

# One example of each error.
ERRORS: Final[dict[int, dict[str, Any]]] = {
    400: {
        "message": "capacity: Use a number from 1 to 1000.",
        "errors": {"capacity": ["Use a number from 1 to 1000."]},
    },
    401: {"message": "Send an API token: 'Authorization: Bearer sf_…'."},
    403: {
        "message": "The API token doesn't have permission to do this. It needs the "
        "scope fleet:admin."
    },
    404: {"message": "There is no server named 'agent-x'."},
    409: {
        "message": "The fleet has a limit of 500 servers, so no more can be created. "
        "Terminate some servers, or raise the limit."
    },
    413: {"message": "The body is too large. Send at most 256 KiB."},
    415: {"message": "Send JSON, with 'Content-Type: application/json'."},
    422: {
        "message": "This Idempotency-Key was already used with another body. Use a new "
        "key for a new request."
    },
    429: {
        "message": "Too many requests: the limit is 6000 per minute. Try again in 2 s."
    },
    500: {
        "message": "An internal error occurred. The server's log has it under this "
        "request's X-Request-ID."
    },
    503: {
        "message": "The database is not responding. Your change may not have been "
        "saved. Try again in a few seconds."
    },
}
