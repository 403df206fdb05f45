"""A web process that is stopped, and not ended, is replaced."""

import os
import signal

import pytest
from django.conf import settings

from servers.drill.service import Service, wait_for

pytestmark = [pytest.mark.pure, pytest.mark.slow]
ALL = 1 + settings.WEB_WORKERS


def test_a_stopped_web_process_is_ended_and_started_again() -> None:
    with Service() as service:
        # It answers before all of them have been started.
        wait_for(lambda: len(service.processes("gunicorn")) == ALL, 30)
        stopped = max(service.processes("gunicorn"))
        os.kill(stopped, signal.SIGSTOP)
        wait_for(lambda: stopped not in service.processes("gunicorn"), 90)
        wait_for(lambda: len(service.processes("gunicorn")) == ALL, 60)
        wait_for(service.answers, 30)
