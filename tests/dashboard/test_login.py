"""The log-in: one for pages and admin, with a limit on failures."""

import time
from collections.abc import Iterator

import pytest
from django.contrib.auth.models import User
from django.core.cache import cache
from django.test import Client, RequestFactory, override_settings

from servers.access.rate_limits import find_address
from servers.dashboard.people import login
from servers.drill.service import free_port
from servers.models import Event
from servers.operations.fleet import initialise_fleet
from tests.support.threads import at_once

pytestmark = [pytest.mark.django_db, pytest.mark.pure]

PASSWORD = "a long enough password"


@pytest.fixture(autouse=True)
def admin() -> Iterator[User]:
    forget()
    yield User.objects.create_superuser("ada", password=PASSWORD)
    forget()


def forget() -> None:
    cache.clear()
    login.failures.forget()
    login.anywhere.forget()


def attempt(
    client: Client, username: str, password: str, address: str = "10.0.0.1"
) -> int:
    body = {"username": username, "password": password}
    return client.post("/login/", body, REMOTE_ADDR=address).status_code


def test_after_ten_failures_even_the_right_password_waits(client: Client) -> None:
    for _ in range(login.MAX_BY_NAME):
        assert attempt(client, "ada", "wrong") == 200
    body = {"username": "Ada", "password": PASSWORD}
    answer = client.post("/login/", body, REMOTE_ADDR="10.0.0.1")
    assert answer.status_code == 429
    assert 0 < int(answer["Retry-After"]) <= login.WINDOW_SECONDS
    assert "Too many log-ins have failed" in answer.content.decode()
    assert "_auth_user_id" not in client.session
    # Elsewhere, and under another name, nobody is kept out.
    assert attempt(client, "ada", PASSWORD, "10.0.0.2") == 302


def test_one_address_may_fail_so_often_with_any_names(client: Client) -> None:
    for number in range(login.MAX_BY_ADDRESS):
        login.failures.note(login.list_counters(f"user{number}", "10.0.0.1")[1][0])
    assert attempt(client, "ada", PASSWORD) == 429
    assert attempt(client, "ada", PASSWORD, "10.0.0.2") == 302


def test_what_succeeds_is_not_counted(client: Client) -> None:
    for _ in range(login.MAX_BY_NAME + 2):
        assert attempt(Client(), "ada", PASSWORD) == 302


@pytest.mark.parametrize(
    "spelled", ["ada ", " ada", "ADA", "ａｄａ", "ａda\u3000", "Ada\t"]
)
def test_however_a_name_is_spelled_it_is_one(client: Client, spelled: str) -> None:
    for _ in range(login.MAX_BY_NAME):
        assert attempt(client, spelled, "wrong") == 200
    assert attempt(client, "ada", PASSWORD) == 429


def test_a_network_of_ipv6_is_one_address(client: Client) -> None:
    for number in range(login.MAX_BY_NAME):
        address = f"2001:db8:1:2:{number:x}::9"
        assert attempt(client, "ada", "wrong", address) == 200
    assert attempt(client, "ada", PASSWORD, "2001:db8:1:2:ffff::1") == 429
    assert attempt(client, "ada", PASSWORD, "2001:db8:1:3::1") == 302
    # An IPv4 address is one however it is written.
    for _ in range(login.MAX_BY_NAME):
        attempt(Client(), "ada", "wrong", "::ffff:10.0.0.9")
    assert attempt(Client(), "ada", PASSWORD, "10.0.0.9") == 429


def test_a_name_may_fail_so_often_from_all_addresses(client: Client) -> None:
    for number in range(login.MAX_ANYWHERE):
        assert attempt(client, "ada", "wrong", f"10.1.{number}.1") == 200
    assert attempt(client, "ada", PASSWORD, "10.2.0.1") == 429
    # What is refused unseen is not counted: nobody is shut out for longer by it.
    assert login.anywhere.count("ada") == login.MAX_ANYWHERE


@pytest.mark.parametrize(
    ("count", "header", "seen"),
    [
        (0, "9.9.9.9", "10.0.0.1"),
        (1, "9.9.9.9", "9.9.9.9"),
        (1, "8.8.8.8, 9.9.9.9", "9.9.9.9"),
        (1, "8.8.8.8,9.9.9.9:4711", "9.9.9.9"),
        (2, "7.7.7.7, 8.8.8.8, 9.9.9.9", "8.8.8.8"),
        (2, "9.9.9.9", "10.0.0.1"),
        (1, "", "10.0.0.1"),
        (1, "unknown", "10.0.0.1"),
        (1, "[2001:db8::1]:80", "2001:db8::/64"),
        (1, "2001:db8::ffff", "2001:db8::/64"),
    ],
)
def test_only_as_many_proxies_are_believed_as_there_are(
    rf: RequestFactory, count: int, header: str, seen: str
) -> None:
    headers = {"x-forwarded-for": header} if header else {}
    request = rf.get("/", headers=headers, REMOTE_ADDR="10.0.0.1")
    with override_settings(PROXY_COUNT=count):
        assert find_address(request) == seen


def test_tries_that_come_at_once_are_counted_before_they_are_looked_at() -> None:
    looked: list[int] = []

    def guess() -> None:
        reservation = login.Reservation("ada", "10.0.0.7")
        if not reservation.wait:
            looked.append(1)
            time.sleep(0.2)  # as long as a password is hashed

    at_once(*[guess] * 24)
    assert 1 <= len(looked) <= login.MAX_BY_NAME


def test_log_ins_failures_and_log_outs_leave_events(client: Client) -> None:
    attempt(client, "ada", "wrong")
    attempt(client, "hunter2-typed-here", "wrong")
    attempt(client, "ada", PASSWORD)
    out = client.post("/logout/")
    assert out["Clear-Site-Data"] == '"cache"'
    events = list(Event.objects.order_by("id").values_list("kind", "actor", "reason"))
    assert events == [
        ("log_in_failed", "", "A log-in as ada from 10.0.0.1 failed."),
        ("log_in_failed", "", "A log-in with an unknown name from 10.0.0.1 failed."),
        ("logged_in", "user:ada", "From 10.0.0.1."),
        ("logged_out", "user:ada", ""),
    ]


def test_people_who_are_no_staff_are_told_so_by_the_admin(client: Client) -> None:
    initialise_fleet(fleet_id="ci")
    client.force_login(User.objects.create_user("vi"))
    answer = client.get("/admin/", follow=True)
    assert len(answer.redirect_chain) == 1
    assert answer.status_code == 403
    assert b"The Django admin is for staff only." in answer.content
    assert b'href="/"' in answer.content
    answer = client.get("/admin/password_change/", follow=True)
    assert (answer.status_code, answer.redirect_chain[-1][0]) == (
        200,
        "/account/password/",
    )


def test_without_the_shared_cache_each_process_counts(client: Client) -> None:
    gone = {
        "default": {
            "BACKEND": "django.core.cache.backends.redis.RedisCache",
            "LOCATION": f"redis://127.0.0.1:{free_port()}",  # nobody listens there
        }
    }
    with override_settings(CACHES=gone):
        for _ in range(login.MAX_BY_NAME):
            assert attempt(client, "ada", "wrong") == 200
        assert attempt(client, "ada", PASSWORD) == 429


def test_the_admin_has_no_log_in_of_its_own(client: Client) -> None:
    answer = client.get("/admin/", follow=True)
    assert answer.redirect_chain[-1][0] == "/login/?next=%2Fadmin%2F"
    body = {"username": "ada", "password": PASSWORD}
    answer = client.post("/login/?next=/admin/", body)
    assert (answer.status_code, answer["Location"]) == (302, "/admin/")
