"""The port over the simulation."""

from typing import Final

from servers.outgoing.fields import Field, read_several
from servers.queues.base import QueueConfig, QueueSnapshot
from servers.queues.example.simulation import Settings, advance
from servers.queues.kind import QueueKind
from servers.queues.matching import match_labels

USUAL: Final = Settings()
USUAL_LABELS: Final = {"os": "linux"}


class Example:
    """A queue whose jobs are made up."""

    def __init__(self, config: QueueConfig) -> None:
        self._config = config
        given = config.options
        self._settings = Settings(
            jobs=int(_number(given.get("jobs"), USUAL.jobs)),
            every=_number(given.get("every"), USUAL.every),
            seconds=_number(given.get("seconds"), USUAL.seconds),
            labels=_read_labels(given.get("labels")) or USUAL_LABELS,
        )

    def read(self, *, now: float, deadline: float) -> QueueSnapshot:
        """Return what the jobs do by now. Asks nobody, so it takes no time."""
        before, hosts = self._config.scene() if self._config.scene else (None, ())
        return advance(self._settings, before, hosts, now)


def _number(given: object, usual: float) -> float:
    return float(given) if isinstance(given, int | float) and given > 0 else usual


def _read_labels(given: object) -> dict[str, str]:
    pairs = (part.partition("=") for part in read_several(given))
    return {name: value for name, _, value in pairs if name}


KIND: Final = QueueKind(
    name="example",
    label="Example queue",
    open=Example,
    match=match_labels,
    labels_help="Jobs of the example queue ask for os=linux unless its settings name "
    "other labels.",
    options=(
        Field(
            "jobs",
            "Jobs in a burst",
            "On average. Leave empty for 4.",
            number=True,
            whole=True,
            least=1,
            most=200,
        ),
        Field(
            "every",
            "Seconds between bursts",
            "Leave empty for 60.",
            number=True,
            least=5,
            most=86400,
        ),
        Field(
            "seconds",
            "Seconds that a job runs",
            "On average. Leave empty for 30.",
            number=True,
            least=1,
            most=86400,
        ),
        Field(
            "labels",
            "Labels of its jobs",
            "What its jobs ask for, such as os=linux, arch=amd64.",
            several=True,
            pattern=r"[\w./-]{1,60}(=[\w./-]{0,60})?",
            like="os=linux",
        ),
    ),
    needs_url=False,
    poll=2.0,
)
