"""A web process that is stopped, and not ended, is replaced."""

import os
import signal

import pytest

from servers.drill.service import Service, wait_for

pytestmark = [pytest.mark.pure, pytest.mark.slow]


def test_a_stopped_web_process_is_ended_and_started_again() -> None:
    with Service() as service:
        before = set(service.processes("gunicorn"))
        stopped = max(before - {min(before)})
        os.kill(stopped, signal.SIGSTOP)
        wait_for(lambda: stopped not in service.processes("gunicorn"), 90)
        wait_for(lambda: len(service.processes("gunicorn")) == len(before), 60)
        wait_for(service.answers, 30)
