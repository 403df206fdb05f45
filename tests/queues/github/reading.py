"""A read of a fake of GitHub, and what it shows."""

from typing import Any

from servers.lifecycle.pools.demand import JobState
from servers.queues.base import QueueConfig, QueueSnapshot
from servers.queues.registry import open_queue
from tests.queues.fakes.github import FakeGitHub
from tests.queues.fakes.github_base import NOW

OWN = ("self-hosted", "linux", "x64")


def read(
    fake: FakeGitHub, *, token: str = "token-one", now: float = NOW, **options: Any
) -> QueueSnapshot:
    options = options or {"repositories": ["acme/app"]}
    queue = open_queue("github", QueueConfig(fake.url, {"token": token}, options))
    return queue.read(now=now, deadline=20)


def show_states(shown: QueueSnapshot) -> dict[str, JobState]:
    return {job.job_id: job.state for job in shown.jobs}
