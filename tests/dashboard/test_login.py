"""The log-in: one for pages and admin, with a limit on failures."""

from collections.abc import Iterator

import pytest
from django.contrib.auth.models import User
from django.core.cache import cache
from django.test import Client, override_settings

from servers.dashboard import login
from servers.drill.service import free_port

pytestmark = pytest.mark.django_db

PASSWORD = "a long enough password"


@pytest.fixture(autouse=True)
def admin() -> Iterator[User]:
    cache.clear()
    login.failures.forget()
    yield User.objects.create_superuser("ada", password=PASSWORD)
    cache.clear()
    login.failures.forget()


def attempt(
    client: Client, username: str, password: str, address: str = "10.0.0.1"
) -> int:
    body = {"username": username, "password": password}
    return client.post("/login/", body, REMOTE_ADDR=address).status_code


def test_after_ten_failures_even_the_right_password_waits(client: Client) -> None:
    for _ in range(login.MOST_BY_NAME):
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
    for number in range(login.MOST_BY_ADDRESS):
        login.failures.note(login.list_counters(f"user{number}", "10.0.0.1")[1][0])
    assert attempt(client, "ada", PASSWORD) == 429
    assert attempt(client, "ada", PASSWORD, "10.0.0.2") == 302


def test_what_succeeds_is_not_counted(client: Client) -> None:
    for _ in range(login.MOST_BY_NAME + 2):
        assert attempt(Client(), "ada", PASSWORD) == 302


def test_without_the_shared_cache_each_process_counts(client: Client) -> None:
    gone = {
        "default": {
            "BACKEND": "django.core.cache.backends.redis.RedisCache",
            "LOCATION": f"redis://127.0.0.1:{free_port()}",  # nobody listens there
        }
    }
    with override_settings(CACHES=gone):
        for _ in range(login.MOST_BY_NAME):
            assert attempt(client, "ada", "wrong") == 200
        assert attempt(client, "ada", PASSWORD) == 429


def test_the_admin_has_no_log_in_of_its_own(client: Client) -> None:
    answer = client.get("/admin/", follow=True)
    assert answer.redirect_chain[-1][0] == "/login/?next=%2Fadmin%2F"
    body = {"username": "ada", "password": PASSWORD}
    answer = client.post("/login/?next=/admin/", body)
    assert (answer.status_code, answer["Location"]) == (302, "/admin/")
