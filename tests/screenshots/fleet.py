"""A fleet as a team has it on a weekday: most of it works, some of it does not."""

import time
from collections.abc import Callable
from copy import copy
from datetime import timedelta
from typing import Any, Final

from django.contrib.auth.models import Group, User

from servers import tracing
from servers.access.tokens import issue_token
from servers.clouds.base import FLEET_TAG, KEY_TAG
from servers.drill.service import wait_for
from servers.lifecycle.keys import make_key
from servers.lifecycle.states import Answer, State
from servers.models import (
    Account,
    Attempt,
    Event,
    Fleet,
    Host,
    Instance,
    Location,
    Pool,
    Queue,
    Server,
    Template,
    TemplatePlacement,
)
from servers.operations.accounts import delete_account, save_account
from servers.operations.cordon import cordon_server
from servers.operations.fleet import pause_fleet, resume_fleet
from servers.operations.pools import save_pool
from servers.operations.provision import Request, provision_servers
from servers.operations.queues import save_queue
from servers.operations.templates import delete_template, save_template
from servers.operations.terminate import protect_server, terminate_server
from servers.operations.trial import try_template
from servers.placing.breaker import OPENS_AFTER
from servers.records.ledger import Fact, database_now
from tests.support.fleet import world_of
from tests.support.worlds import add_instance

ADA, MIRA, TOMEK = "user:ada", "user:mira", "user:tomek"
SCALER: Final = "token:autoscaler"
QUICK: Final = {"boot": 3.0, "latency": 0.01}
SETUP: Final = """#cloud-config
packages: [docker.io]
runcmd: [systemctl enable --now docker]
"""
SECONDS: Final = 90.0


def build_fleet(amazon: str) -> None:
    """Make people, clouds, templates and servers; ``amazon`` is EC2's address."""
    make_people()
    make_accounts(amazon)
    make_templates()
    make_tokens()
    make_running()
    make_trouble()
    make_unowned()
    make_moving()
    make_pools()


def make_pools() -> None:
    """Make an example queue and a pool that follows it, on a small part of a rack."""
    queue = save_queue(
        Queue(name="example", kind="example", options={"every": 10, "seconds": 20})
    )
    save_pool(
        Pool(
            name="linux",
            template=Template.objects.get(name="legacy"),
            queue=queue,
            labels={"os": "linux"},
            policy={"max": 4, "idle": 60},
        )
    )


def make_people() -> None:
    """Make three people beside the first admin."""
    for name, role in (("mira", "admin"), ("tomek", "operator"), ("lin", "viewer")):
        User.objects.create_user(name).groups.add(Group.objects.get(name=role))


def make_accounts(amazon: str) -> None:
    """Make the clouds, and take away what the first start made."""
    for template in Template.objects.all():
        delete_template(template)
    delete_account(Account.objects.get(name="sandbox"))
    with tracing.bound(actor=ADA):
        save_account(
            Account(
                name="aws-frankfurt",
                kind="amazon",
                region="eu-central-1",
                endpoint=amazon,
                max_servers=40,
            ),
            credentials={"access_key_id": "AKIATEST", "secret_access_key": "made-up"},
        )
        for name, most in (("rack-berlin", 60), ("rack-dublin", 20), ("rack-oslo", 10)):
            save_account(
                Account(
                    name=name,
                    kind="sandbox",
                    region="hall-1",
                    options=QUICK,
                    max_servers=most,
                )
            )


def make_templates() -> None:
    """Make the templates; one of them was changed twice."""
    linux = make_template("linux", "rack-berlin", is_default=True, capacity=2)
    make_template("linux-large", "rack-dublin", size="large", capacity=8, price="0.34")
    make_template(
        "linux-arm", "aws-frankfurt", image="ami-12c6146b", size="t3.micro", price="0.1"
    )
    make_template("windows", "rack-oslo", image="windows-2025", capacity=1)
    make_template("legacy", "rack-oslo", image="debian-12", size="medium")
    with tracing.bound(actor=MIRA):
        linux.capacity = 4
        linux.cloud_init, linux.drain_seconds = "docker", 7200
        linux.registry_mirrors = ["https://mirror.example.com"]
        linux.pull_images = ["debian:13-slim", "node:24"]
        save_template(linux)
    with tracing.bound(actor=TOMEK):
        oslo = Account.objects.get(name="rack-oslo")
        (first,) = linux.placements.all()
        others = [copy(first), copy(first)]
        others[0].size = "medium"
        others[1].account, others[1].region = oslo, oslo.region
        save_template(linux, [first, *others], user_data=SETUP)


def make_template(
    name: str,
    account: str,
    *,
    image: str = "ubuntu-24.04",
    size: str = "small",
    price: str = "0.06",
    **fields: Any,
) -> Template:
    """Make one template, as ada."""
    owner = Account.objects.get(name=account)
    template = Template(name=name, name_prefix=f"{name}-", user_data=SETUP, **fields)
    placement = TemplatePlacement(
        account=owner,
        region=owner.region,
        image=image,
        size=size,
        price_per_hour=price,
    )
    with tracing.bound(actor=ADA):
        save_template(template, [placement])
    return template


def make_tokens() -> None:
    """Make tokens as a team has them."""
    now = database_now()
    for actor, name, scopes, days in (
        (ADA, "autoscaler", ["servers:write", "secrets:read"], 365),
        (ADA, "grafana", ["servers:read"], None),
        (MIRA, "nightly-cleanup", ["servers:write"], 30),
        (MIRA, "terraform", ["fleet:admin"], 90),
    ):
        with tracing.bound(actor=actor):
            ends = now + timedelta(days=days) if days else None
            issue_token(name, scopes=scopes, expires_at=ends)


def make_running() -> None:
    """Make what works: most of the fleet."""
    asked = [
        *ask(SCALER, "linux", 13, team="web"),
        *ask(SCALER, "linux", 4, team="mobile"),
        *ask(SCALER, "linux-arm", 3, team="mobile"),
        *ask(MIRA, "linux-large", 2, team="data"),
        *ask(TOMEK, "legacy", 2, team="release"),
    ]
    wait_states({State.RUNNING}, asked)
    with tracing.bound(actor=TOMEK):
        protect_server(asked[-1].name, protected=True)
        cordon_server(asked[4].name)
        for server in asked[:3]:
            terminate_server(server.name)
    wait_states({State.STOPPED}, asked[:3])
    with tracing.bound(actor=MIRA):
        pause_fleet(note="The registry moves to new disks.")
        resume_fleet()
    with tracing.bound(actor=ADA):
        trial = try_template(Template.objects.get(name="linux"))
    wait_states({State.STOPPED}, [trial])


def make_trouble() -> None:
    """Make what fails: a wrong image, a wrong size, a cloud that is silent."""
    wrong = ask(MIRA, "windows", 1, team="desktop")
    set_options("rack-dublin", sizes=["small", "medium"])
    full = ask(SCALER, "linux-large", 1, team="data")
    wait_states({State.ERROR}, [*wrong, *full])
    set_options("rack-dublin", faults={"timeout_before": 1.0})
    silent = [server for _ in range(OPENS_AFTER) for server in ask_in_vain()]
    dublin = Account.objects.filter(name="rack-dublin")
    wait(lambda: dublin.filter(breaker=Account.Breaker.OPEN).exists())
    # Until the last picture is taken.
    dublin.update(breaker_until=database_now() + timedelta(minutes=14))
    wait_states({State.PENDING}, silent)


def ask_in_vain() -> list[Server]:
    """Ask for a server of the silent cloud, and wait for its silence.

    One after the other: of calls that run together the breaker counts one.
    """
    mute = Attempt.objects.filter(answer_class=Answer.SILENCE)
    before = mute.count()
    asked = ask(SCALER, "linux-large", 1, team="data")
    wait(lambda: mute.count() > before)
    return asked


def make_unowned() -> None:
    """Make an instance that carries the fleet's tag and that no row explains."""
    account = Account.objects.get(name="rack-oslo")
    fleet = Fleet.objects.get().fleet_id
    server = Server(name="left-by-a-restored-backup")
    add_instance(
        world_of(account),
        region=account.region,
        tags={FLEET_TAG: fleet, KEY_TAG: str(make_key(fleet, server.pk, 1))},
        now=time.time() - 7200,
        name="legacy-x81kq2mv",
    )
    Location.objects.filter(account=account).update(next_listing_at=database_now())
    wait(lambda: Instance.objects.filter(verdict="unexplained").exists())


def make_moving() -> None:
    """Make what is under way, and stays so while the pictures are taken."""
    set_options("rack-berlin", destroying=3600.0, faults={"never_boots": 1.0})
    running = Server.objects.filter(template__name="linux", state=State.RUNNING)
    old = list(running[:2])
    with tracing.bound(actor=TOMEK):
        for server in old:
            terminate_server(server.name)
    booting = ask(SCALER, "linux", 2, team="web")
    wait_states({State.CREATED}, booting)
    wait(lambda: not Server.objects.filter(state=State.SHUTDOWN).exists())
    wait(lambda: asked_to_end(old) == len(old))
    set_options("rack-berlin", destroying=3600.0, faults={"slow": 1.0}, hang=9.0)
    wait_states({State.CREATING}, ask(SCALER, "linux", 2, team="web"))
    drain_one()


def drain_one() -> None:
    """Terminate a server whose build goes on while the pictures are taken."""
    set_options("rack-oslo", build=3600.0)
    running = Server.objects.filter(state=State.RUNNING, protected=False)
    server = running.filter(template__name="legacy")[0]
    with tracing.bound(actor=TOMEK):
        terminate_server(server.name)
    wait(Host.objects.filter(server=server).exclude(builds=[]).exists)


def asked_to_end(servers: list[Server]) -> int:
    """Count those whose end the cloud was asked for."""
    pks = [server.pk for server in servers]
    rows = Event.objects.filter(server__in=pks, kind=Fact.DESTROY_ASKED)
    return rows.values("server").distinct().count()


def ask(actor: str, template: str, number: int, **labels: str) -> list[Server]:
    """Ask for servers as somebody."""
    with tracing.bound(actor=actor, request_id=f"{template}-{number}-demo"):
        request = Request(template=template, count=number, labels=labels)
        return provision_servers(request)


def set_options(name: str, **options: Any) -> None:
    """Have a simulated cloud behave differently from now on."""
    rows = Account.objects.filter(name=name)
    rows.update(options={**QUICK, **options})


def count(servers: list[Server], states: set[State]) -> int:
    """Count those in one of these states."""
    pks = [server.pk for server in servers]
    return Server.objects.filter(pk__in=pks, state__in=states).count()


def wait_states(states: set[State], servers: list[Server]) -> None:
    """Wait until all are in one of these states."""
    wait(lambda: count(servers, states) == len(servers))


def wait(done: Callable[[], bool]) -> None:
    """Wait, and tell the states where it lasts too long."""

    def tell() -> str:
        rows = Server.objects.exclude(state=State.RUNNING)
        return str(list(rows.values_list("name", "state", "waiting", "error")))

    wait_for(done, SECONDS, what=tell)
