"""Accounts, credentials and hosts: nothing reaches the wrong one, nothing leaks."""

import logging
import traceback
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from servers.addresses import parse_allowed
from servers.clouds.port import Cloud
from servers.outgoing.errors import CallError, UnknownOutcomeError, UnreachableError
from servers.outgoing.reply import MAX_WORDS
from tests.clouds.benches.base import Bench
from tests.clouds.conformance.test_life import create
from tests.clouds.fakes.faults import NO_REQUEST
from tests.clouds.fakes.wire import Response
from tests.support.outbound import forget_proxies, make_certificate, proxying

pytestmark = pytest.mark.pure

HOST = "cloud.invalid"  # resolves nowhere: only a proxy can know the way


def test_two_accounts_in_threads_at_once_never_meet(bench: Bench) -> None:
    clouds = {name: bench.open(name) for name in ("one", "two")}

    def work(number: int) -> tuple[str, str]:
        name = ("one", "two")[number % 2]
        spec = bench.make_spec()
        made = create(clouds[name], spec)
        assert made.key == spec.key
        (found,) = clouds[name].find_instances(spec.key, deadline=30)
        assert found.instance_id == made.instance_id
        return name, spec.key

    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(work, range(16)))
    for name, cloud in clouds.items():
        listed = cloud.list_instances("ci", deadline=30).instances
        assert {each.key for each in listed} == {
            key for own, key in made if own == name
        }


def test_an_accounts_identity_is_the_same_each_time(bench: Bench, cloud: Cloud) -> None:
    first = cloud.fetch_identity(deadline=10)
    create(cloud, bench.make_spec())
    assert cloud.fetch_identity(deadline=10) == first
    assert cloud.list_instances("ci", deadline=10).identity in {"", first}
    if first:
        assert bench.open("two").fetch_identity(deadline=10) != first


@pytest.mark.needs("http")
def test_no_credential_is_in_an_error_a_log_or_a_representation(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    cloud = bench.open()
    spec = bench.make_spec()
    made = create(cloud, spec)
    said = [repr(cloud), repr(bench.config()), repr(vars(cloud))]

    def note(act: Any) -> None:
        try:
            act()
        except CallError as error:
            said.extend((repr(error), "".join(traceback.format_exception(error))))

    for why in ("unauthorized", "forbidden", "throttled", "failing", "quota"):
        for secret in bench.secrets:
            answer = bench.fake.refuse(why, bench.fake.seen[-1])
            # A cloud that repeats in its message what it was sent.
            repeating = Response(answer.status, repeat(answer.body, secret))
            bench.fake.answer(repeating, 3)
            note(lambda: cloud.list_instances("ci", deadline=10))
            bench.fake.faults.clear()
            bench.fake.answer(repeating, role="create")
            note(lambda: cloud.create_instance(bench.make_spec(), deadline=10))
            bench.fake.answer(repeating, role="destroy")
            note(lambda: cloud.destroy_instance(made.instance_id, deadline=10))
            bench.fake.faults.clear()
    assert len(said) > 10
    for secret in bench.secrets:
        assert not [each for each in (*said, caplog.text) if secret in each]


@pytest.mark.needs("http", "json")
def test_no_message_ends_in_half_of_a_credential(bench: Bench, cloud: Cloud) -> None:
    # A message has a bearable length, wherever a cloud repeats what it was sent.
    for secret in bench.secrets:
        for length in range(MAX_WORDS - 150, MAX_WORDS, 3):
            answer = bench.fake.refuse("quota", NO_REQUEST)
            body = repeat(answer.body, f"{'x' * length} {secret}")
            bench.fake.answer(Response(answer.status, body), role="create")
            with pytest.raises(CallError) as raised:
                cloud.create_instance(bench.make_spec(), deadline=10)
            assert "xxx" in raised.value.message
            assert secret[:5] not in raised.value.message


def repeat(body: Any, secret: str) -> Any:
    """Return an answer whose sentences, but not its codes, end with ``secret``."""
    if isinstance(body, dict):
        return {name: repeat(value, secret) for name, value in body.items()}
    if isinstance(body, list):
        return [repeat(each, secret) for each in body]
    if isinstance(body, str) and body.startswith("<"):
        return body.replace("</Message>", f" {secret}</Message>")
    return f"{body} {secret}" if isinstance(body, str) and " " in body else body


@pytest.mark.needs("http")
def test_a_redirect_is_not_followed(bench: Bench, cloud: Cloud) -> None:
    create(cloud, bench.make_spec())
    with type(bench)().fake as elsewhere:
        location = {"Location": f"{elsewhere.url}/servers"}
        for status in (301, 302, 307, 308):
            for role, act in (
                ("list", lambda: cloud.list_instances("ci", deadline=10)),
                (
                    "create",
                    lambda: cloud.create_instance(bench.make_spec(), deadline=10),
                ),
            ):
                bench.fake.answer(Response(status, None, location), role=role)
                with pytest.raises(UnknownOutcomeError):
                    act()
        assert elsewhere.seen == []


@pytest.mark.needs("http")
def test_a_link_to_another_host_gets_no_credentials(bench: Bench, cloud: Cloud) -> None:
    with type(bench)().fake as elsewhere:
        own = bench.fake.url.split("//")[1].split("/")[0]
        for link in (
            f"{elsewhere.url}/servers?page=2",
            f"http://{own}@127.0.0.1:{elsewhere.port}/servers",
            f"//127.0.0.1:{elsewhere.port}/servers",
            "https://169.254.169.254/latest/meta-data",
            "http://[::1",
            "file:///etc/passwd",
        ):
            page = bench.link_to(link)
            if page is None:
                return  # its pages hold no links
            bench.fake.answer(page, role="list")
            with pytest.raises(UnknownOutcomeError):
                cloud.list_instances("ci", deadline=10)
        assert elsewhere.seen == []


@pytest.mark.needs("http")
@pytest.mark.parametrize("allowed", ["0", "192.0.2.0/24"])
def test_an_endpoint_inside_is_refused_unless_it_is_allowed(
    bench: Bench, settings: Any, allowed: str
) -> None:
    settings.PRIVATE_ENDPOINTS = parse_allowed(allowed)
    cloud = bench.open()
    for act in (
        lambda: cloud.create_instance(bench.make_spec(), deadline=10),
        lambda: cloud.list_instances("ci", deadline=10),
    ):
        with pytest.raises(UnreachableError) as raised:
            act()
        assert "SERVERFLEET_ALLOW_PRIVATE_ENDPOINTS" in raised.value.message
    assert bench.fake.seen == []


@pytest.mark.needs("http")
def test_a_cloud_that_is_down_was_sent_nothing(bench: Bench) -> None:
    down = type(bench)()
    with down.fake:
        pass
    cloud = down.open()
    for act in (
        lambda: cloud.create_instance(bench.make_spec(), deadline=10),
        lambda: cloud.list_instances("ci", deadline=10),
    ):
        with pytest.raises(UnreachableError):
            act()


@pytest.mark.needs("http")
def test_certificates_are_checked_and_calls_take_the_proxy(
    bench: Bench,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    forget_proxies(monkeypatch)
    made = type(bench)()
    made.prepare(request.getfixturevalue)
    made.fake.host = HOST
    made.fake.tls, certificate = make_certificate(tmp_path, HOST)
    with made.run() as fake, proxying(f"http://127.0.0.1:{fake.port}") as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{proxy.port}")
        # Nobody vouches for it yet.
        with pytest.raises(UnreachableError, match="TLS certificate"):
            made.open().list_instances("ci", deadline=10)
        assert fake.seen == []
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        cloud, spec = made.open(), made.make_spec()
        create(cloud, spec)
        (listed,) = cloud.list_instances("ci", deadline=10).instances
        assert listed.key == spec.key
        ways = {line.rpartition(" ")[0] for line in proxy.asked}
        assert ways == {f"CONNECT {HOST}:{fake.port}"}
