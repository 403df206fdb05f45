"""What hangs is ended and started again; an outage of the broker is waited out."""

import os
import signal
import time

import pytest
from django.conf import settings

from servers.drill.service import Service, wait_for

pytestmark = [pytest.mark.pure, pytest.mark.slow, pytest.mark.timeout(300)]

HEALED: float = 30.0
# What a start may take besides on a busy machine.
START: float = 30.0
ALL = 1 + settings.WEB_WORKERS
EVENTS = """
import json
from servers.models import Event, Heartbeat
print(json.dumps([
    list(Event.objects.filter(kind="process_ended").values_list("actor", "reason")),
    list(Heartbeat.objects.values_list("name", "kind")),
]))
"""


def list_programs(service: Service) -> dict[str, int]:
    """Return the first process of each program."""
    words = {"worker": "quiet worker", "beat": "quiet beat", "web": "gunicorn"}
    found = {name: service.processes(text) for name, text in words.items()}
    return {name: min(pids) for name, pids in found.items() if pids}


def test_worker_beat_and_web_that_are_stopped_for_good_are_replaced(
    service: Service,
) -> None:
    _, server = service.call("POST", "/api/servers")
    service.wait_state("running", server["name"])
    # It answers before all of them have been started.
    wait_for(lambda: len(service.processes("gunicorn")) == ALL, START, what=service.log)
    before = list_programs(service)
    web_workers = set(service.processes("gunicorn")) - {before["web"]}
    halted = max(web_workers)
    began = time.monotonic()
    for pid in (before["worker"], before["beat"], halted):
        os.kill(pid, signal.SIGSTOP)
    _, server = service.call("POST", "/api/servers")

    def is_replaced(*names: str) -> bool:
        now = list_programs(service)
        return all(now.get(name, before[name]) != before[name] for name in names)

    wait_for(lambda: is_replaced("worker", "beat"), HEALED, what=service.log)
    wait_for(
        lambda: halted not in service.processes("gunicorn"), HEALED, what=service.log
    )
    wait_for(lambda: len(service.processes("gunicorn")) == ALL, START, what=service.log)
    print(f"replaced after {time.monotonic() - began:.1f} s")
    service.wait_state("running", server["name"], seconds=START)
    print(f"worked off after {time.monotonic() - began:.1f} s")
    # The first of the web's processes: the others answer on, and it must come back.
    os.kill(before["web"], signal.SIGSTOP)
    wait_for(lambda: is_replaced("web"), HEALED, what=service.log)
    wait_for(service.answers, START, what=service.log)

    def tells_of_all() -> bool:
        done = service.command("shell", "-v", "0", "-c", EVENTS)
        return all(
            f'["supervisor", "{text}' in done.stdout
            for text in (
                "The process worker ",
                "The process beat ",
                "The process web was suspended",
                f"Process {halted} of web was suspended",
            )
        )

    wait_for(tells_of_all, 20, what=service.log)
    # The dead have left no row behind that falls silent now.
    done = service.command("shell", "-v", "0", "-c", EVENTS)
    assert f":{before['worker']}" not in done.stdout
    assert f":{before['beat']}" not in done.stdout


def test_nobody_is_ended_while_the_broker_hangs(service: Service) -> None:
    _, server = service.call("POST", "/api/servers")
    service.wait_state("running", server["name"])
    before = list_programs(service)
    (broker,) = service.processes("valkey")
    os.kill(broker, signal.SIGSTOP)
    try:
        time.sleep(35)  # twice the patience: nothing may happen in it
        assert list_programs(service) == before, service.log()
    finally:
        os.kill(broker, signal.SIGCONT)
    _, server = service.call("POST", "/api/servers")
    service.wait_state("running", server["name"], seconds=START)
    time.sleep(5)
    assert list_programs(service) == before, service.log()
