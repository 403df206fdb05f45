"""All of ServerFleet below a path of its host, behind a proxy or alone."""

import http.client
import json
import re
from collections.abc import Iterator
from contextlib import closing
from typing import Any
from urllib.parse import urlencode

import pytest

from servers.drill.service import Service
from tests.support.drone import Drone
from tests.support.nginx import find_nginx, run_nginx

pytestmark = pytest.mark.pure

PATH = "/tools/fleet"
BROWSER = {"Accept": "text/html"}


@pytest.fixture(scope="module")
def running() -> Iterator[Service]:
    with Service(SERVERFLEET_SCRIPT_NAME=f"{PATH}/") as service:
        yield service


@pytest.fixture(scope="module", params=["alone", "behind nginx"])
def port(running: Service, request: pytest.FixtureRequest) -> Iterator[int]:
    if request.param == "alone":
        yield running.port
    elif find_nginx():
        with run_nginx(running.port) as port:
            yield port
    else:
        pytest.skip("there is no nginx")


def ask(
    port: int, method: str, path: str, body: str | None = None, **headers: str
) -> tuple[Any, str]:
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=30)) as link:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        link.request(method, path, body, named)
        answer = link.getresponse()
        return answer, answer.read().decode(errors="replace")


def cookies_of(answer: Any) -> dict[str, str]:
    """Return names and values of what is set; each is for the path alone."""
    found = {}
    for line in answer.headers.get_all("Set-Cookie", []):
        assert f"Path={PATH};" in f"{line};", line
        name, _, value = line.partition(";")[0].partition("=")
        found[name] = value
    return found


def test_the_first_start_names_the_whole_address(running: Service) -> None:
    assert f"is at http://127.0.0.1:{running.port}{PATH}\n" in running.log()
    assert f"{PATH}/api/servers\n" in running.log()


def test_a_person_logs_in_and_every_link_stays_below_the_path(
    running: Service, port: int
) -> None:
    answer, _ = ask(port, "GET", f"{PATH}/", **BROWSER)
    assert answer.headers["Location"] == f"{PATH}/login/?next={PATH}/"
    answer, page = ask(port, "GET", f"{PATH}/login/", **BROWSER)
    cookies = cookies_of(answer)
    form = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page)
    assert form
    body = urlencode(
        {
            "username": "admin",
            "password": running.env["SERVERFLEET_ADMIN_PASSWORD"],
            "csrfmiddlewaretoken": form[1],
        }
    )
    answer, _ = ask(
        port,
        "POST",
        f"{PATH}/login/",
        body,
        Content_Type="application/x-www-form-urlencoded",
        Cookie="; ".join(f"{name}={value}" for name, value in cookies.items()),
        **BROWSER,
    )
    assert (answer.status, answer.headers["Location"]) == (302, f"{PATH}/")
    cookies |= cookies_of(answer)
    cookie = "; ".join(f"{name}={value}" for name, value in cookies.items())
    for page_path in ("/", "/servers/", "/leaks/", "/system/", "/admin/", "/api/docs"):
        answer, page = ask(port, "GET", PATH + page_path, Cookie=cookie, **BROWSER)
        assert answer.status == 200, page_path
        links = re.findall(r'(?:href|src|action|data-schema)="(/[^"]*)"', page)
        assert links, page_path
        assert {one for one in links if not f"{one}/".startswith(f"{PATH}/")} == set()


def test_static_files_are_below_the_path(port: int) -> None:
    _, page = ask(port, "GET", f"{PATH}/login/", **BROWSER)
    style = re.search(rf'href="({PATH}/static/[^"]+\.css)"', page)
    assert style
    answer, _ = ask(port, "GET", style[1])
    assert answer.status == 200
    assert answer.headers["Content-Type"].startswith("text/css")


def test_the_api_and_its_links_are_below_the_path(running: Service, port: int) -> None:
    bearer = f"Bearer {running.token}"
    for _ in range(2):
        answer, _ = ask(port, "POST", f"{PATH}/api/servers", Authorization=bearer)
        assert answer.status == 200
    answer, _ = ask(port, "GET", f"{PATH}/api/servers?limit=1", Authorization=bearer)
    assert f"{PATH}/api/servers?" in answer.headers["Link"]
    answer, body = ask(port, "GET", f"{PATH}/api/schema")
    assert json.loads(body)["servers"] == [{"url": PATH}]
    answer, body = ask(port, "GET", f"{PATH}/nothing")
    assert (answer.status, "message" in json.loads(body)) == (404, True)


def test_drone_works_with_the_address_of_the_path(running: Service, port: int) -> None:
    drone = Drone("127.0.0.1", port, running.token, path=PATH)
    name = drone.create().name
    assert drone.info(name).name == name
    assert name in [server.name for server in drone.list()]
    assert drone.destroy(name, force=True)


def test_probes_need_no_path(port: int) -> None:
    for path in ("/healthz", f"{PATH}/healthz"):
        assert ask(port, "GET", path)[1] == "OK"
