"""What a client pushes as the jobs of a pool's queue."""

from typing import Any, ClassVar, Final

from servers.api.serializers.base import Shape
from servers.api.serializers.fields import (
    PRINTABLE,
    Array,
    Choice,
    Flag,
    Object,
    Seconds,
    Text,
    Texts,
    Whole,
)
from servers.api.serializers.queues import STATES, count_jobs
from servers.api.serializers.servers import AT
from servers.queues.base import MAX_JOBS
from servers.queues.push.body import (
    LATEST,
    MAX_AGENTS,
    MAX_COUNTS,
    MAX_LABELS,
    MAX_PUSHED,
    MAX_SEQ,
    MAX_TEXT,
    MAX_TTL,
)

_TEXT: Final = {"type": "string", "format": PRINTABLE, "maxLength": MAX_TEXT}
_JOB: Final = {"id": "build-17", "state": "pending", "labels": {"os": "linux"}}


def _labels(says: str) -> Texts:
    rules = {
        "maxProperties": MAX_LABELS,
        "propertyNames": _TEXT,
        "additionalProperties": _TEXT,
    }
    return Texts(required=False, rules=rules, help_text=says)


def _text(says: str, **more: Any) -> Text:
    return Text(
        max_length=MAX_TEXT, rules={"format": PRINTABLE}, help_text=says, **more
    )


class PushedJobSerializer(Shape):
    """One job."""

    id = _text("Its own, as long as it waits and runs.", min_length=1)
    state = Choice(choices=STATES)
    labels = _labels("What it asks of a server. A pool must have all of them.")
    since = Whole(
        max_value=LATEST,
        required=False,
        help_text="When it was queued, or started if it runs. Unix seconds. Now, if "
        "left out.",
    )
    server = _text(
        "The name of the server that runs it, if it runs. If one is missing, no server "
        "counts as idle while any job runs, unless its agent says so.",
        required=False,
        allow_blank=True,
    )
    title = _text("For people.", required=False, allow_blank=True)

    body: ClassVar = _JOB


class PushedCountSerializer(Shape):
    """How many jobs with the same labels there are."""

    labels = _labels("What each of them asks of a server.")
    pending = Whole(max_value=MAX_JOBS)
    running = Whole(max_value=MAX_JOBS)
    held = Whole(max_value=MAX_JOBS, required=False)

    body: ClassVar = {"labels": {"os": "linux"}, "pending": 3, "running": 1}


class DemandSerializer(Shape):
    """All jobs of a pool's queue, one by one or as numbers."""

    seq = Whole(
        min_value=1,
        max_value=MAX_SEQ,
        help_text="Higher with each state, such as the time in milliseconds. A lower "
        "one is refused.",
    )
    ttl = Whole(
        min_value=1,
        max_value=MAX_TTL,
        help_text="How many seconds this holds. After that the jobs are unknown, and "
        "the pool changes nothing until the next push.",
    )
    at = Whole(
        max_value=LATEST,
        required=False,
        help_text="When your client saw this, in Unix seconds. Now, if left out.",
    )
    paused = Flag(required=False, help_text="If true, no server is created.")
    jobs = Array(
        child=PushedJobSerializer(),
        required=False,
        max_length=MAX_PUSHED,
        help_text="All jobs. An empty array means that there are none. If there are "
        "more, send `counts`.",
    )
    counts = Array(
        child=PushedCountSerializer(),
        required=False,
        max_length=MAX_COUNTS,
        help_text="Instead of `jobs`, how many there are.",
    )
    agents = Object(
        required=False,
        rules={
            "maxProperties": MAX_AGENTS,
            "propertyNames": {**_TEXT, "minLength": 1},
            "additionalProperties": {
                "type": "integer",
                "minimum": 0,
                "maximum": MAX_JOBS,
            },
        },
        help_text="How many jobs each server runs, by its name: 0 for an idle one. "
        "For jobs that do not say which server runs them.",
    )

    body: ClassVar = {"seq": AT * 1000, "ttl": 120, "jobs": [_JOB]}

    @classmethod
    def describe(cls, schema: dict[str, Any], *, partial: bool) -> dict[str, Any]:
        """Return a shape for jobs one by one, and one for their numbers."""
        forms = []
        for given, other in (("jobs", "counts"), ("counts", "jobs")):
            left = {n: s for n, s in schema["properties"].items() if n != other}
            forms.append(
                {**schema, "properties": left, "required": ["seq", "ttl", given]}
            )
        return {"oneOf": forms}


class DemandAnswerSerializer(Shape):
    """What the queue shows now."""

    queue = Text(source="name")
    seq = Whole(max_value=MAX_SEQ)
    expires = Seconds("When this becomes unknown.", source="expires_at")
    jobs = Object(value=count_jobs, help_text="The number of its jobs by state.")

    example: ClassVar = {
        "queue": "pushed",
        "seq": AT * 1000,
        "expires": AT + 120,
        "jobs": {"pending": 1, "held": 0, "running": 0},
    }
