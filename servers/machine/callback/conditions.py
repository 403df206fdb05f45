"""What an instance's reports say about its server. Judged from the records alone."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from servers.lifecycle.conditions import Always, Condition, Machine, Met, NotYet
from servers.lifecycle.drain import count_builds, name_builds
from servers.wording import say_duration

HEARTBEAT_SECONDS: Final = 30
# An agent can have been started although no report of that arrives. A script that
# can't reach ServerFleet tries again after 94 seconds at most, so it tries two or three
# times.
_UNREADY_WAIT: Final = timedelta(minutes=5)
# After so many heartbeats that did not come, one is missed.
_PATIENCE: Final = timedelta(seconds=3 * HEARTBEAT_SECONDS)
_NOTHING_RUNS: Final = (
    "The template names no agent and no build labels, so no build is known to run."
)
_CORDON: Final = (
    "Its next heartbeat tells its agent to take no new builds, and to end once the "
    "running ones have finished."
)


@dataclass(frozen=True, slots=True)
class Report:
    """What the current attempt's instance has reported. ``heard_at``: the last time.

    ``step`` is the last step of the boot that it named. It has been running since
    ``step_at``, or has ended then (``step_ended``). ``log_end`` are the last lines of
    the boot's log. Times are the database's.
    """

    heard_at: datetime | None = None
    step: str = ""
    step_at: datetime | None = None
    step_ended: bool = False
    booted_at: datetime | None = None
    failed: bool = False
    log_end: str = ""
    builds: tuple[str, ...] = ()
    told_at: datetime | None = None  # when it was first told to drain
    drained_at: datetime | None = None
    agent_missing: bool = False
    docker_silent: bool = False


def describe_callback(report: Report, *, has_agent: bool, has_builds: bool) -> Machine:
    """Return what must hold where only the instance reaches ServerFleet."""
    drained: Condition = Drained(report) if has_builds else Always(_NOTHING_RUNS)
    cordon = _CORDON if has_agent else Machine().cordon
    return Machine(
        ready=Booted(report),
        drained=drained,
        healthy=Beating(report),
        broken=_explain_failure(report),
        log_end="" if report.booted_at else report.log_end,
        cordon=cordon,
        asks=has_builds,
        unready_wait=_UNREADY_WAIT if has_builds else None,
    )


def _explain_failure(report: Report) -> str:
    if not report.failed:
        return ""
    step = f' at the step "{report.step}"' if report.step else ""
    return f"The instance reported that its boot failed{step}."


@dataclass(frozen=True, slots=True)
class Booted:
    """The condition that the instance has reported the end of its boot."""

    report: Report

    def judge(self, _address: str, _now: datetime) -> Met | NotYet:
        """Return what was reported."""
        report = self.report
        if report.booted_at is not None:
            return Met("The instance reported that it is ready.")
        if report.heard_at is None:
            return NotYet("The instance has not called back yet.")
        if not report.step:
            return NotYet("The instance has called back, and it is booting.")
        since = report.step_at or report.heard_at
        if report.step_ended:
            return NotYet(
                f'It reported that its boot step "{report.step}" has ended. The next '
                f"one has been running since {since:%H:%M:%S} UTC."
            )
        return NotYet(
            f'It reported its boot step "{report.step}", which has been running since '
            f"{since:%H:%M:%S} UTC."
        )


@dataclass(frozen=True, slots=True)
class Drained:
    """The condition that the instance has reported that no build runs any more."""

    report: Report

    def judge(self, _address: str, now: datetime) -> Met | NotYet:
        """Return what was reported. Without news, it is asked again soon."""
        report = self.report
        if report.drained_at is not None:
            return Met("The instance reported that its agent and its builds ended.")
        again = now + timedelta(seconds=HEARTBEAT_SECONDS)
        if report.builds:
            builds = report.builds
            said = f"{count_builds(builds)} {name_builds(builds)}"
            return NotYet(said, again, builds)
        if report.told_at is not None:
            return NotYet(
                f"It was told to drain at {report.told_at:%H:%M:%S} UTC, and "
                "has not yet reported that nothing is running.",
                again,
            )
        return NotYet("It is told to drain once it reports next.", again)


@dataclass(frozen=True, slots=True)
class Beating:
    """The condition that heartbeats come, Docker answers and the agent runs."""

    report: Report

    def judge(self, _address: str, now: datetime) -> Met | NotYet:
        """Return whether the last heartbeat is recent."""
        report = self.report
        if report.heard_at is None:
            return NotYet("No heartbeat has come from the instance.")
        silent = now - report.heard_at
        if silent > _PATIENCE:
            return NotYet(
                f"The last heartbeat came {say_duration(silent.total_seconds())} ago."
            )
        if report.docker_silent:
            return NotYet("The instance reported that its Docker does not answer.")
        if report.agent_missing:
            return NotYet("The instance reported that its agent does not run.")
        return Met("A heartbeat came.")
