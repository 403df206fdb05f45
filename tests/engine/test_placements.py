"""A template in two regions of EC2, each with its own image, and in the sandbox."""

import json
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from django.test import Client

from servers.access.tokens import issue_token
from servers.lifecycle.snapshot import Placement
from servers.lifecycle.states import Answer
from servers.models import Account, Attempt, NoCapacity, Server, Template
from servers.operations.accounts import save_account
from servers.placing.memory import FullPlaces, forget_full, note_full
from servers.records.ledger import database_now
from servers.reports.why import explain_server
from tests.exactly_once.clouds import MOTO_TIMINGS
from tests.support.fleet import Workshop, make_fleet, provision
from tests.support.moto import reset_moto
from tests.support.people import log_in, make_person

pytestmark = pytest.mark.django_db(transaction=True)

FULL = "eu-central-1"
PLACES = (
    ("ec2", FULL, "ami-12c6146b", "t3.micro"),
    ("ec2", "us-east-1", "ami-03cf127a", "t3.small"),
    ("sandbox", "", "ubuntu-24.04", "small"),
)
NAMES = ("account", "region", "image", "size")
ERROR = (
    b"<Response><Errors><Error><Code>InsufficientInstanceCapacity</Code>"
    b"<Message>We have no t3.micro.</Message></Error></Errors></Response>"
)


@pytest.fixture
def full_url(moto_url: str) -> Iterator[str]:
    """EC2 without capacity in one region."""
    reset_moto(moto_url)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            code, data = 500, ERROR
            is_full = f"/{FULL}/" in self.headers["Authorization"]
            if not (is_full and b"Action=RunInstances" in body):
                code, data = self._ask(body)
            self.send_response(code)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def _ask(self, body: bytes) -> tuple[int, bytes]:
            kept = ("Authorization", "Content-Type", "X-Amz-Date")
            headers = {
                name: value for name in kept if (value := self.headers.get(name))
            }
            asked = urllib.request.Request(moto_url, body, headers)
            try:
                with urllib.request.urlopen(asked, timeout=30) as answer:
                    return answer.status, answer.read()
            except urllib.error.HTTPError as error:
                return error.code, error.read()

        def log_message(self, *_: Any) -> None:
            return

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def make_accounts(url: str) -> None:
    make_fleet()
    save_account(
        Account(
            name="ec2",
            kind="amazon",
            region=FULL,
            endpoint=url,
            options={"timings": MOTO_TIMINGS},
            creates_per_minute=1000,
        ),
        credentials={"access_key_id": "AKIATEST", "secret_access_key": "made-up"},
    )


def save_by_api() -> None:
    token = issue_token("t", scopes=["fleet:admin"])
    client = Client(headers={"authorization": f"Bearer {token}"})
    placements = [dict(zip(NAMES, place, strict=True)) for place in PLACES]
    body = {"name": "anywhere", "placements": placements}
    answer = client.post(
        "/api/templates?unchecked=true", json.dumps(body), "application/json"
    )
    assert answer.status_code == 201, answer.content


def save_by_page() -> None:
    admin = log_in(make_person("admin"))
    form = admin.get("/templates/new/").context["form"]
    sent = {field.html_name: field.value() for field in form}
    sent = {k: v for k, v in sent.items() if v is not None and v is not False}
    sent |= {"name": "anywhere", "unchecked": "on"}
    for number, place in enumerate(PLACES):
        prefix = f"fallback-{number}-" if number else ""
        values = zip(NAMES, place, strict=True)
        sent |= {f"{prefix}{name}": value for name, value in values}
    answer = admin.post("/templates/new/", sent)
    assert answer.status_code == 302, answer.content.decode()


def save_by_admin() -> None:
    root = log_in(make_person("root"))
    path = "/admin/servers/template/add/"
    form = root.get(path).context["adminform"].form
    sent = {field.html_name: field.value() for field in form}
    sent = {k: v for k, v in sent.items() if v is not None and v is not False}
    sent |= {"name": "anywhere", "unchecked": "on", "labels": "{}"}
    sent |= {f"{name}-INITIAL_FORMS": 0 for name in ("placements", "versions")}
    sent |= {"placements-TOTAL_FORMS": len(PLACES), "versions-TOTAL_FORMS": 0}
    for number, (account, *rest) in enumerate(PLACES):
        values = [Account.objects.get(name=account).pk, *rest]
        sent |= {
            f"placements-{number}-{name}": value
            for name, value in (
                *zip(NAMES, values, strict=True),
                ("order", number + 1),
                ("options", "{}"),
            )
        }
    answer = root.post(path, sent)
    assert answer.status_code == 302, answer.content.decode()


@pytest.mark.parametrize("save", [save_by_api, save_by_page, save_by_admin])
def test_the_second_takes_over_with_its_own_image(
    workshop: Workshop, full_url: str, save: Any
) -> None:
    make_accounts(full_url)
    save()
    rows = Template.objects.get(name="anywhere").placements
    names = ("account__name", "region", "image", "size")
    assert tuple(rows.values_list(*names)) == PLACES
    server = provision(template="anywhere")
    workshop.run_to("running", server)
    assert (server.region, server.image, server.placement) == (*PLACES[1][1:3], 1)
    assert server.instance_id.startswith("i-")
    tried = Attempt.objects.order_by("number").values_list("placement", flat=True)
    assert list(tried) == [0, 1]
    # The next server does not even ask.
    other = provision(template="anywhere")
    workshop.run_to("running", other)
    assert other.attempt_number == 1
    assert other.region == "us-east-1"
    # What a request chooses decides among them.
    third = provision(template="anywhere", size="small")
    workshop.run_to("running", third)
    assert (third.account.name, third.placement) == ("sandbox", 2)


@pytest.mark.parametrize(
    "elsewhere",
    [
        {"region": "us-east-1"},
        {"size": "t3.small"},
        {"options": {"zone": f"{FULL}b"}},
        {"options": {"subnet": "subnet-0a1b2c3d"}},
        {"options": {"capacity_reservation": "none"}},
    ],
)
def test_what_is_full_says_nothing_of_another_part_of_the_cloud(
    full_url: str, elsewhere: dict[str, Any]
) -> None:
    make_accounts(full_url)
    account = Account.objects.get(name="ec2")
    full = Placement(0, account.pk, FULL, "ami-1", "t3.micro", options={"tenancy": ""})
    now = database_now()
    note_full(full, account, Answer.NO_CAPACITY, now=now)
    places = FullPlaces([account.pk], now=now)
    assert places.find(replace(full, image="ami-2", ssh_key="k"), account)
    assert not places.find(replace(full, **elsewhere), account)
    later = FullPlaces([account.pk], now=now + timedelta(seconds=300))
    assert not later.find(full, account)


@pytest.mark.parametrize(
    ("kind", "other", "is_full"),
    [
        ("amazon", {"options": {"zone": f"{FULL}b"}}, True),
        ("amazon", {"region": "us-east-1"}, False),
        ("amazon", {"size": "t3.small"}, False),
        ("amazon", {"spot": True}, False),
        ("hetznercloud", {"region": "us-east-1"}, True),
        ("hetznercloud", {"size": "t3.small"}, False),
        ("digitalocean", {"region": "us-east-1", "size": "t3.small"}, True),
    ],
)
def test_a_quota_is_remembered_by_what_it_counts(
    kind: str, other: dict[str, Any], is_full: bool
) -> None:
    account = make_fleet()
    account.kind = kind
    first = Placement(0, account.pk, FULL, size="t3.micro", options={"zone": "a"})
    elsewhere = replace(first, **other)
    now = database_now()
    note_full(first, account, Answer.REFUSED, now=now)
    assert not FullPlaces([account.pk], now=now).find(first, account)
    note_full(first, account, Answer.QUOTA, now=now)
    places = FullPlaces([account.pk], now=now)
    assert places.find(first, account)
    assert bool(places.find(elsewhere, account)) is is_full
    # What has room after all frees as much.
    forget_full(elsewhere, account)
    left = FullPlaces([account.pk], now=now).find(first, account)
    assert bool(left) is not is_full


def test_no_capacity_in_a_region_says_nothing_of_one_zone_and_a_quota_does(
    full_url: str,
) -> None:
    make_accounts(full_url)
    account = Account.objects.get(name="ec2")
    anywhere = Placement(0, account.pk, FULL, size="t3.micro")
    zone = replace(anywhere, options={"zone": f"{FULL}a"})
    now = database_now()
    for answer, found in ((Answer.NO_CAPACITY, False), (Answer.QUOTA, True)):
        note_full(anywhere, account, answer, now=now)
        places = FullPlaces([account.pk], now=now)
        assert places.find(anywhere, account)
        assert bool(places.find(zone, account)) is found


def test_what_has_no_capacity_is_skipped_by_all_and_why_says_so(
    workshop: Workshop, full_url: str
) -> None:
    make_accounts(full_url)
    save_by_api()
    workshop.run_to("running", provision(template="anywhere"))
    known = NoCapacity.objects.get()
    assert (known.region, known.size) == (FULL, "t3.micro")
    # The others wait for what is only slow, and say what is skipped.
    Account.objects.filter(name="sandbox").update(enabled=False)
    Account.objects.filter(name="ec2").update(creates_per_minute=0)
    workshop.deaf = True
    server = provision(template="anywhere")
    said = explain_server(server, now=database_now()).sentence
    assert "t3.micro in eu-central-1 had no capacity" in said
    assert "it is tried again in 5 minutes." in said
    # Alone, it is tried all the same.
    Account.objects.filter(name="ec2").update(creates_per_minute=1000)
    workshop.deaf = False
    only = provision(template="anywhere", region=FULL)
    workshop.run_until(
        lambda: Attempt.objects.filter(server=only, region=FULL).exists()
    )
    assert Server.objects.get(pk=only.pk).state in {"pending", "creating"}
