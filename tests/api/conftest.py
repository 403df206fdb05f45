"""Fixtures that call the API with a token of any scopes."""

import json
from collections.abc import Callable
from typing import Any

import pytest

Call = Callable[..., Any]


@pytest.fixture
def call(workshop: Any) -> Call:
    """Call the API with a token of all scopes, or of the given ones."""
    # Here, since this file is read before Django is set up.
    from django.test import Client

    from servers.access.tokens import SCOPES, issue_token
    from tests.support.fleet import make_fleet

    make_fleet()
    tokens: dict[Any, str] = {}

    def send(method: str, path: str, *, scopes: Any = SCOPES, **more: Any) -> Any:
        key = tuple(sorted(scopes)) if scopes is not None else None
        headers = {}
        if key is not None:
            if key not in tokens:
                tokens[key] = issue_token(f"t{len(tokens)}", scopes=key)
            headers["authorization"] = f"Bearer {tokens[key]}"
        headers |= more.pop("headers", {})
        client = Client(raise_request_exception=False)
        return client.generic(method, path, headers=headers, **more)

    return send


@pytest.fixture
def send(call: Call) -> Call:
    """Call the API with a JSON body."""

    def run(method: str, path: str, body: Any = None, **more: Any) -> Any:
        data = "" if body is None else json.dumps(body)
        return call(method, path, data=data, content_type="application/json", **more)

    return run
