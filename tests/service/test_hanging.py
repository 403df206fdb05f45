"""A cloud that hangs every call does not keep the servers of another waiting."""

import pytest

from servers.drill.service import Service, wait_for

SERVERS = 30
SET_UP = """
from servers.models import Account, Template, TemplatePlacement
from servers.operations.accounts import save_account
from servers.operations.templates import save_template
account = save_account(Account(name="hanging", kind="sandbox", max_servers=100,
    options={"faults": {"timeout_before": 1.0}, "hang": 9.0}))
save_template(Template(name="hanging"), [
    TemplatePlacement(account=account, image="debian-12", size="small")])
"""


@pytest.mark.sqlite
def test_servers_of_another_account_run_while_one_hangs(service: Service) -> None:
    done = service.command("shell", "-v", "0", "-c", SET_UP)
    assert done.returncode == 0, done.stderr
    _, made = service.call(
        "POST", "/api/servers", {"template": "hanging", "count": SERVERS}
    )
    stuck = [server["name"] for server in made]
    wait_for(lambda: "creating" in {service.states()[name] for name in stuck}, 20)
    for _ in range(2):
        _, made = service.call("POST", "/api/servers", {"count": 5})
        names = [server["name"] for server in made]
        service.wait_state("running", *names, seconds=40)
    assert "running" not in {service.states()[name] for name in stuck}
