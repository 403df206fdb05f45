"""One request can be followed by its id: through web, events, worker and log."""

import http.client
import json
from typing import Any

import pytest

from servers.drill.service import Service, wait_for

REQUEST_ID = "build-4711.a"


def lines_of(service: Service, program: str) -> list[dict[str, Any]]:
    """Return the JSON lines that a program has logged."""
    found = []
    for line in service.log().splitlines():
        name, _, text = line.partition("|")
        if name.strip() == program and text.strip().startswith("{"):
            found.append(json.loads(text))
    return found


@pytest.mark.sqlite
def test_a_requests_id_is_in_its_line_its_events_and_what_the_worker_logs(
    database_env: dict[str, str],
) -> None:
    with Service(**database_env, SERVERFLEET_LOG_FORMAT="json") as service:
        # Once the gate is open, a step follows from the request, and from no tick.
        service.wait_state("running", service.call("POST", "/api/servers")[1]["name"])
        web = http.client.HTTPConnection("127.0.0.1", service.port, timeout=20)
        web.request(
            "POST",
            "/api/servers",
            headers={
                "Authorization": f"Bearer {service.token}",
                "X-Request-ID": REQUEST_ID,
            },
        )
        answer = web.getresponse()
        assert answer.headers["X-Request-ID"] == REQUEST_ID
        name = json.loads(answer.read())["name"]
        web.close()
        service.wait_state("running", name)

        _, events = service.call("GET", f"/api/servers/{name}/events")
        traced = [each for each in events if each["request_id"] == REQUEST_ID]
        actors = {each["kind"]: each["actor"] for each in traced}
        assert actors["requested"].startswith("token:")
        assert actors["attempt_written"] == "worker"

        (line,) = [
            each
            for each in lines_of(service, "web")
            if each.get("request_id") == REQUEST_ID and "route" in each
        ]
        assert (line["route"], line["status"]) == ("api/servers", 200)
        assert line["token_id"] == service.token.split("_")[1]
        assert line["ms"] > 0

        def worker_tells() -> list[dict[str, Any]]:
            return [
                each
                for each in lines_of(service, "worker")
                if each.get("request_id") == REQUEST_ID
            ]

        wait_for(worker_tells, 10, what=service.log)
        first = worker_tells()[0]
        assert (first["server"], first["actor"]) == (name, "worker")
        assert first["change"] == "attempt_written"
        assert service.token.split("_", 2)[2] not in service.log().split("are shown")[1]
