"""EC2's refusals in the engine: ``error`` with a sentence, never a loop."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

import pytest

from servers.lifecycle.states import Outcome
from servers.models import Account, Attempt, Location
from tests.exactly_once.clouds import make_moto
from tests.support.fleet import Workshop, provision

# EC2's answer decides, and no database. The queries are those of test_walk.py.
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.pure]

EMPTY = "<DescribeInstancesResponse><reservationSet/></DescribeInstancesResponse>"
GROUPS = (
    "<DescribeSecurityGroupsResponse><securityGroupInfo><item>"
    "<ownerId>123456789012</ownerId>"
    "</item></securityGroupInfo></DescribeSecurityGroupsResponse>"
)


class EC2:
    """An EC2 endpoint that answers one action with an error; counts the calls."""

    def __init__(self) -> None:
        self.refused: dict[str, tuple[int, str]] = {}
        self.calls: list[str] = []
        bench = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                size = int(self.headers["Content-Length"])
                form = parse_qs(self.rfile.read(size).decode())
                status, body = bench.answer(form["Action"][0])
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                return

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.01,))
        self.thread.start()

    def answer(self, action: str) -> tuple[int, bytes]:
        self.calls.append(action)
        if action in self.refused:
            status, code = self.refused[action]
            return status, (
                f"<Response><Errors><Error><Code>{code}</Code>"
                f"<Message>The words of {code}.</Message></Error></Errors></Response>"
            ).encode()
        plain = GROUPS if action == "DescribeSecurityGroups" else EMPTY
        return 200, plain.encode()

    def close(self) -> None:
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


@pytest.fixture
def ec2() -> Iterator[EC2]:
    bench = EC2()
    yield bench
    bench.close()


@pytest.mark.parametrize(
    ("status", "code", "answer_class"),
    [
        (400, "InvalidAMIID.NotFound", "Refused"),
        (400, "VcpuLimitExceeded", "Quota"),
        (403, "UnauthorizedOperation", "Credentials"),
    ],
)
def test_a_refused_create_ends_in_error_and_is_not_repeated(
    workshop: Workshop,
    ec2: EC2,
    status: int,
    code: str,
    answer_class: str,
) -> None:
    make_moto(ec2.url)
    ec2.refused["RunInstances"] = (status, code)
    server = provision()
    workshop.run_to("error", server)
    assert f"The words of {code}." in server.error
    workshop.run_for(1.0)
    assert ec2.calls.count("RunInstances") == 1
    assert set(Attempt.objects.values_list("outcome", "answer_class")) == {
        (Outcome.REFUSED, answer_class)
    }


@pytest.mark.parametrize(
    ("status", "code", "answer_class"),
    [
        (500, "InsufficientInstanceCapacity", "NoCapacity"),
        (503, "RequestLimitExceeded", "Throttled"),
        (400, "RequestExpired", "Clock"),
    ],
)
def test_a_temporary_refusal_is_waited_out(
    workshop: Workshop, ec2: EC2, status: int, code: str, answer_class: str
) -> None:
    make_moto(ec2.url)
    ec2.refused["RunInstances"] = (status, code)
    server = provision()
    workshop.run_until(lambda: Attempt.objects.count() >= 4)
    server.refresh_from_db()
    assert server.state == "pending"
    assert f"The words of {code}." in server.waiting
    assert set(Attempt.objects.values_list("outcome", "answer_class")) == {
        (Outcome.REFUSED, answer_class)
    }
    location = Location.objects.select_related("account").get()
    assert location.health == Location.Health.OK
    assert location.account.breaker == Account.Breaker.CLOSED


def test_credentials_that_are_refused_everywhere_end_in_error_without_a_create(
    workshop: Workshop, ec2: EC2
) -> None:
    make_moto(ec2.url)
    for action in ("DescribeSecurityGroups", "DescribeInstances", "RunInstances"):
        ec2.refused[action] = (401, "AuthFailure")
    server = provision()
    workshop.run_to("error", server)
    assert "AuthFailure" in server.error
    assert ec2.calls.count("RunInstances") == 0
    assert Location.objects.get().health == Location.Health.REFUSED


def test_a_throttled_listing_backs_off_and_closes_no_gate_for_good(
    workshop: Workshop, ec2: EC2
) -> None:
    make_moto(ec2.url)
    workshop.run_until(lambda: Location.objects.filter(listings__isnull=False).exists())
    ec2.refused["DescribeInstances"] = (503, "RequestLimitExceeded")
    provision()
    before = len(ec2.calls)
    workshop.run_for(3.0)
    assert Location.objects.get().failures > 0
    # 0.1 s apart while busy; backing off makes a handful of them.
    assert len(ec2.calls) - before < 15
    ec2.refused.clear()
    workshop.run_until(lambda: Location.objects.get().failures == 0)


def test_a_wrong_clock_is_reported_and_not_taken_for_refused_credentials(
    workshop: Workshop, ec2: EC2
) -> None:
    make_moto(ec2.url)
    for action in ("DescribeSecurityGroups", "DescribeInstances", "RunInstances"):
        ec2.refused[action] = (400, "RequestExpired")
    server = provision()
    workshop.run_until(lambda: Location.objects.get().failures > 3)
    location = Location.objects.get()
    assert location.health == Location.Health.WRONG_CLOCK
    assert "Set this machine's clock" in location.error
    server.refresh_from_db()
    assert server.state == "pending"
    assert "Set this machine's clock" in server.waiting
    # The clock is set.
    for action in ("DescribeSecurityGroups", "DescribeInstances"):
        del ec2.refused[action]
    workshop.run_until(lambda: not Location.objects.get().failures)
    assert Location.objects.get().health == Location.Health.OK
