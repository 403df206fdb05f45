"""Without ``secrets:read``, no token sees a secret on any route, in any format."""

import base64
import json
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection

from servers.access.tokens import SCOPES
from servers.models import Account, Server, Template
from servers.operations.accounts import save_account
from servers.operations.templates import save_template
from tests.api.conftest import Call
from tests.support.fleet import Workshop, provision
from tests.support.routes import Route, list_routes

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.pure]

FIELDS = ("secret", "ca_key", "tls_key")
CORES = {name: f"needle{name.replace('_', '')}0123456789" for name in FIELDS}
OTHERS = ("needlecloud0123456789", "needleuserdata0123456789")
LESSER = sorted(SCOPES - {"secrets:read"})
BODIES: tuple[Any, ...] = (
    None,
    {},
    {"nonsense": 1},
    {"labels": {"team": "blue"}},
    {"name": "agent-0"},
    {"secret": "x", "ca_key": "y", "tls_key": "z"},
)
QUERIES = (
    "",
    *(f"?ordering={sign}{name}" for name in FIELDS for sign in ("", "-")),
    *(f"?{name}=x" for name in FIELDS),
    *(f"?{name}__startswith=needle" for name in FIELDS),
    "?search=needle",
    "?state=running,error",
    "?limit=1&offset=1",
    "?label=team:red",
    "?wait=0&after=0&limit=500",
    "?force=true",
)


def forms_of(core: str) -> list[bytes]:
    """Return a text as it is, and in base64 at any offset."""
    found = [core.encode()]
    for shift in range(3):
        whole = base64.b64encode(b"x" * shift + core.encode())
        found.append(whole[4:-4])
    return found


HIDDEN = [form for core in (*CORES.values(), *OTHERS) for form in forms_of(core)]


def pem(core: str) -> str:
    return f"-----BEGIN EC PRIVATE KEY-----\n{core}\n-----END EC PRIVATE KEY-----\n"


@pytest.fixture
def fleet(call: Call, workshop: Workshop) -> None:
    """Create servers with secrets: one running, one failed and one stopped."""
    account = Account.objects.get()
    save_account(account, credentials={"token": OTHERS[0]})
    template = Template.objects.get()
    template.user_data = OTHERS[1]
    save_template(template)
    servers = [provision(name=f"agent-{n}", labels={"team": "red"}) for n in range(3)]
    secrets = {name: pem(core) for name, core in CORES.items()}
    for server in servers:
        for name, text in secrets.items():
            setattr(server, name, text)
        server.save(update_fields=FIELDS)
    workshop.run_to("running", *servers)
    call("DELETE", "/api/servers/agent-2")
    workshop.run_to("stopped", servers[2])
    Server.objects.filter(name="agent-1").update(state="error", error="It failed.")


def paths_of(route: Route) -> Iterator[str]:
    named = (
        route.path.replace("templates/{name}", "templates/default")
        .replace("accounts/{name}", "accounts/sandbox")
        .replace("tokens/{name}", "tokens/none")
        .replace("{pk}", "1")
    )
    if "{name}" not in named:
        yield named
        return
    for name in ("agent-0", "agent-1", "agent-2", "none"):
        yield named.replace("{name}", name)


def find_shown(answer: Any) -> list[bytes]:
    told = answer.content + str(answer.headers).encode()
    return [form for form in HIDDEN if form in told]


def test_the_needles_would_be_found(call: Call, fleet: None) -> None:
    """With the scope they are shown, which proves that these tests can fail."""
    answer = call("GET", "/api/servers/agent-0")
    assert len(find_shown(answer)) >= len(FIELDS)
    shown = base64.b64decode(answer.json()["tls_key"]).decode()
    assert shown == pem(CORES["tls_key"])


def test_no_route_shows_a_secret_without_the_scope(
    call: Call, fleet: None, caplog: pytest.LogCaptureFixture
) -> None:
    # What changes nothing first, what ends servers last.
    order = {"GET": 0, "PATCH": 1, "PUT": 1, "POST": 2, "DELETE": 3}
    asked = 0
    for route in sorted(list_routes(), key=lambda route: order[route.method]):
        for path in paths_of(route):
            for query in QUERIES if route.method == "GET" else ("", "?force=true"):
                for body in BODIES if route.method in {"POST", "PATCH"} else (None,):
                    answer = call(
                        route.method,
                        path + query,
                        scopes=LESSER,
                        data="" if body is None else json.dumps(body),
                        content_type="application/json",
                    )
                    asked += 1
                    assert answer.status_code < 500, (route, answer.content)
                    assert not find_shown(answer), (route, path, query, body)
    assert asked > 500
    assert not [form for form in HIDDEN if form.decode() in caplog.text]


def test_no_filter_confirms_a_guessed_secret(call: Call, fleet: None) -> None:
    for name, core in CORES.items():
        for guess in (core, core[:8], pem(core)[11:30]):
            told = call(
                "GET", "/api/servers", scopes=LESSER, QUERY_STRING=f"search={guess}"
            )
            assert told.json() == [], (name, guess)
    plain = call("GET", "/api/servers", scopes=LESSER).json()
    for row in plain:
        assert [row[name] for name in FIELDS] == ["", "", ""]
    for sort in FIELDS:
        answer = call("GET", f"/api/servers?ordering={sort}", scopes=LESSER)
        assert answer.status_code == 400


def test_the_history_contains_no_secret(call: Call, fleet: None) -> None:
    """The tables behind the feed and the proof contain no secrets either."""
    with connection.cursor() as cursor:
        for table in ("servers_event", "servers_attempt", "servers_instance"):
            cursor.execute(f"SELECT * FROM {table}")
            text = str(cursor.fetchall())
            assert "needle" not in text, table
