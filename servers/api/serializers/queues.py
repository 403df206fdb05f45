"""Queues and their jobs."""

from typing import ClassVar, Final

from servers.api.serializers.base import ModelShape, Shape
from servers.api.serializers.fields import (
    Array,
    Choice,
    Count,
    Flag,
    Object,
    Seconds,
    Text,
    Texts,
)
from servers.api.serializers.servers import AT
from servers.lifecycle.pools.demand import JobState
from servers.models import Queue
from servers.queues.registry import list_queue_kinds

STATES: Final = [state.value for state in JobState]


def count_jobs(queue: Queue) -> dict[str, int]:
    """Return the number of a queue's jobs by state."""
    return {state: queue.counts.get(state, 0) for state in STATES}


class QueueSerializer(ModelShape):
    """A CI system's queue, and what it showed last. Credentials are never included."""

    kind = Choice(choices=[kind.name for kind in list_queue_kinds()])
    credentials = Texts(
        write_only=True,
        required=False,
        help_text="They replace those that they name. If the URL or the kind changes, "
        "send all of them again.",
    )
    problem = Text(
        read_only=True, help_text="Why the last read failed. Empty if it did not."
    )
    cordon_problem = Text(
        read_only=True,
        help_text="Why the CI could not be told last which servers get no more jobs. "
        "Empty if it could.",
    )
    runner_problem = Text(
        read_only=True,
        help_text="Why its CI could not be told last to remove the runners of servers "
        "that have ended. Empty if it could.",
    )
    refused = Seconds(
        "Until when its CI is not called, because it throttles ServerFleet.",
        source="refused_until",
        read_only=True,
    )
    answered = Seconds(
        "When it was last read or pushed.", source="answered_at", read_only=True
    )
    expires = Seconds(
        "When what was pushed becomes unknown.", source="expires_at", read_only=True
    )
    hook = Flag(
        value=lambda queue: hasattr(queue, "hook"),
        read_only=True,
        help_text="Whether it takes hooks.",
    )
    hooked = Seconds(
        "When a hook came last.",
        value=lambda queue: queue.hook.came_at if hasattr(queue, "hook") else None,
        read_only=True,
    )
    jobs = Object(
        value=count_jobs,
        read_only=True,
        help_text="The number of its jobs by state: pending, held back by the CI, "
        "running.",
    )

    example: ClassVar = {
        "name": "drone",
        "kind": "drone",
        "url": "https://drone.example.com",
        "options": {"poll": 10},
        "enabled": True,
        "answered": AT,
        "jobs": {"pending": 3, "held": 0, "running": 4},
    }
    body: ClassVar = {
        "name": "drone",
        "kind": "drone",
        "url": "https://drone.example.com",
        "credentials": {"token": "any"},
    }
    change: ClassVar = {"options": {"poll": 5}}

    class Meta:
        model = Queue
        fields = (
            "name",
            "kind",
            "url",
            "options",
            "credentials",
            "enabled",
            "problem",
            "cordon_problem",
            "runner_problem",
            "refused",
            "answered",
            "expires",
            "paused",
            "hook",
            "hooked",
            "jobs",
        )
        extra_kwargs: ClassVar = {
            "url": {
                "help_text": "Empty: the CI system's own, if there is one. A queue of "
                "the kind `push` has none.",
            },
            "options": {"help_text": "Options of its kind, and `poll`: seconds."},
            "paused": {
                "read_only": True,
                "help_text": "Whether the CI says that its queue is paused.",
            },
        }


class QueueJobSerializer(Shape):
    """One job of a queue."""

    id = Text(source="job.job_id", help_text="Empty if the CI only counts its jobs.")
    state = Choice(choices=STATES, value=lambda row: row["job"].state.value)
    since = Count(
        value=lambda row: int(row["job"].since),
        help_text="When it was queued, or started if it runs. Unix seconds.",
    )
    labels = Texts(source="job.labels", help_text="What it asks of a server.")
    server = Text(source="job.server", help_text="The server that runs it, if known.")
    title = Text(source="job.title")
    pool = Text(help_text="The pool that serves it. Empty if none can.")
    missing = Array(
        child=Text(),
        help_text="Which of its labels the nearest pool or template lacks, if no pool "
        "can serve it.",
    )
    demanded = Array(
        child=Text(),
        help_text="Which labels that pool's servers ask of each job, and it lacks.",
    )
    nearest = Text(help_text="The nearest pool, if none can serve it.")
    template = Text(
        help_text="A template that no pool of the queue uses and that is nearer than "
        "each pool. Create a pool from it."
    )

    example: ClassVar = {
        "id": "17",
        "state": "pending",
        "since": AT,
        "labels": {"os": "linux", "arch": "amd64"},
        "title": "build 9, default",
        "pool": "linux",
        "missing": [],
        "demanded": [],
        "nearest": "",
        "template": "",
    }


class QueueTestSerializer(Shape):
    """What a read of a queue found. Nothing of it is stored."""

    works = Flag()
    message = Text(help_text="What is wrong, and what to do. Empty if it works.")
    jobs = QueueJobSerializer(many=True)

    example: ClassVar = {"works": True, "jobs": [QueueJobSerializer.example]}
