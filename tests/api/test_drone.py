"""The Go client's commands, decoded as strictly as in Go, in all nine states."""

import json
import time
from typing import Any

import pytest

from servers.access.tokens import SCOPES, issue_token
from servers.engine import step
from servers.lifecycle.states import State
from servers.models import Account, Server
from servers.operations.accounts import save_account
from servers.operations.fleet import freeze_destroys
from servers.operations.terminate import terminate_server
from tests.support.drone import DecodeError, Drone, ServerError, decode_server
from tests.support.fleet import (
    QUICK,
    TIMINGS,
    Workshop,
    make_fleet,
    make_template,
    provision,
)

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.pure]

PEM = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"


@pytest.fixture
def drone(live_server: Any, workshop: Workshop) -> Drone:
    make_fleet()
    token = issue_token("drone", scopes=SCOPES)
    return Drone(live_server.thread.host, live_server.thread.port, token)


def add_template(name: str, *, readiness: str = "address", **options: Any) -> None:
    """Create a template with its own account, whose cloud behaves as given."""
    account = Account(name=name, kind="sandbox", options={**QUICK, **options})
    make_template(
        save_account(account),
        name,
        image="ubuntu-24.04",
        size="small",
        readiness=readiness,
    )


def step_to(state: str, server: Server, workshop: Workshop) -> None:
    """Carry out hints until the server is in a state."""
    for _ in range(300):
        for _ in workshop.step():
            server.refresh_from_db()
            if server.state == state:
                return
        time.sleep(0.01)
    raise AssertionError(f"it is {server.state} and never was {state}")


def make_every_state(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> dict[str, Server]:
    """Bring one server into each state, only through real events."""
    unseen = {**TIMINGS, "settle": 60}
    add_template("unanswered", faults={"timeout_after": 1}, visibility=59.0,
                 timings=unseen)  # fmt: skip
    add_template("slow", boot=60.0)
    add_template("full", images=["debian-12"])
    made = {
        "creating": provision(name="a-creating", template="unanswered"),
        "created": provision(name="a-created", template="slow"),
        "error": provision(name="a-error", template="full"),
        "running": provision(name="a-running"),
        "shutdown": provision(name="a-shutdown"),
        "stopping": provision(name="a-stopping"),
        "stopped": provision(name="a-stopped"),
    }
    for state in ("running", "shutdown", "stopping", "stopped"):
        workshop.run_to("running", made[state])
    terminate_server("a-stopped")
    workshop.run_to("stopped", made["stopped"])
    freeze_destroys(frozen=True)
    terminate_server("a-stopping")
    for state in ("creating", "created", "error", "stopping"):
        workshop.run_to(state, made[state])
    # It would not stay: one move at a time, and nothing is turned after it.
    monkeypatch.setattr(step, "MAX_DECISIONS", 1)
    add_template("probed", readiness="tcp")
    made["staging"] = provision(name="a-staging", template="probed")
    step_to("staging", made["staging"], workshop)
    # What nobody has turned for yet.
    terminate_server("a-shutdown")
    made["pending"] = provision(name="a-pending")
    return made


def test_every_command_accepts_every_state(
    drone: Drone, workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = make_every_state(workshop, monkeypatch)
    Server.objects.filter(name="a-running").update(ca_cert=PEM, tls_cert=PEM)
    assert set(made) == set(State)
    listed = {server.name: server for server in drone.list()}
    assert {name: server.state for name, server in listed.items()} == {
        f"a-{state}": state for state in made
    }
    for name, server in listed.items():
        assert drone.info(name) == server
        assert f"State     {server.state}" in drone.run(["server", "info", name])
    assert listed["a-running"].ca_cert == PEM.encode()
    assert listed["a-pending"].ca_cert == b""
    assert listed["a-error"].error
    assert listed["a-stopped"].stopped >= listed["a-stopped"].started > 0
    assert listed["a-creating"].started == 0
    assert listed["a-running"].address in drone.run(["server", "env", "a-running"])
    assert (drone.home / ".drone/certs/a-running/ca.pem").read_text() == PEM
    ended = {name: drone.destroy(name) for name in listed if name != "a-error"}
    assert {server.state for server in ended.values() if server} == {
        "shutdown",
        "stopping",
        "stopped",
    }
    assert {name: drone.destroy(name) for name in ended} == ended
    # In error and without an instance it leaves the list; there is no body to decode.
    assert drone.destroy("a-error") is None
    with pytest.raises(ServerError, match="404: There is no server named 'a-error'"):
        drone.info("a-error")


def test_it_creates_and_destroys_with_force(drone: Drone, workshop: Workshop) -> None:
    name = drone.run(["server", "create"])
    assert name.startswith("agent-")
    assert drone.info(name).state == "pending"
    workshop.run_to("running", Server.objects.get())
    assert drone.run(["server", "ls"]) == name
    assert drone.run(["server", "destroy", "--force", name]) == name
    workshop.run_to("stopped", Server.objects.get())
    assert drone.info(name).stopped


def test_a_wrong_token_is_an_error_with_the_api_s_message(drone: Drone) -> None:
    drone.token = "sf_no_such"
    with pytest.raises(ServerError, match="401: The API token is unknown"):
        drone.list()


@pytest.mark.pure
@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("capacity", 2.0),
        ("capacity", "2"),
        ("capacity", None),
        ("capacity", True),
        ("created", 2**63),
        ("id", None),
        ("name", 5),
        ("error", ["x"]),
        ("tls_cert", "not base64!"),
        ("ca_key", 0),
        ("state", {"is": "running"}),
    ],
)
def test_the_client_refuses_what_go_refuses(field: str, value: Any) -> None:
    told = json.loads(json.dumps(RIGHT))
    assert decode_server({**told, "ca_key": None}).ca_key == b""
    with pytest.raises(DecodeError):
        decode_server({**told, field: value})


@pytest.mark.pure
def test_the_client_notices_a_missing_field_and_the_order() -> None:
    for wrong in (
        {name: RIGHT[name] for name in list(RIGHT)[1:]},
        dict(reversed(RIGHT.items())),
        {**RIGHT, "labels": {}},
        [RIGHT],
    ):
        with pytest.raises(DecodeError):
            decode_server(wrong)


RIGHT: dict[str, Any] = {
    **dict.fromkeys(("id", "provider", "state", "name", "image", "region"), ""),
    "size": "",
    "address": "",
    "capacity": 1,
    "secret": "",
    "error": "",
    **dict.fromkeys(("ca_key", "ca_cert", "tls_key", "tls_cert"), ""),
    **dict.fromkeys(("created", "updated", "started", "stopped"), 0),
}
