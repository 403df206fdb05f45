"""``manage.py replay``: what a policy would have meant for a record of jobs."""

from argparse import ArgumentParser
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from servers.access.reach import find_pool
from servers.errors import NotFoundError
from servers.lifecycle.pools.policy import Policy, check_policy
from servers.lifecycle.replay.measure import Measure, measure
from servers.lifecycle.replay.planners import DronePlanner, PolicyPlanner
from servers.lifecycle.replay.trace import TracedJob, make_trace, read_trace
from servers.lifecycle.replay.world import Cloud, Planner, World
from servers.pools.curve import MAX_DAYS, VARIED, draw_curve, read_record
from servers.records.ledger import database_now

MINUTES: Final = (1, 2, 3, 5, 10, 20, 55)
POLL: Final = 10.0
_COLUMNS: Final = "{:<24}{:>10}{:>10}{:>10}{:>10}{:>14}{:>9}"


class Command(BaseCommand):
    """Replay jobs with several idle times, and with the Drone Autoscaler's rule."""

    help = (
        "Replay a record of jobs, or a made-up day, with servers that would be created "
        "and terminated to match it: how long jobs wait, and how many server-hours it "
        "takes, for several idle times."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the arguments."""
        parser.add_argument("--pool", help="replay the record of this pool's jobs")
        parser.add_argument(
            "--vary",
            choices=list(VARIED),
            default="idle",
            help="the setting of the pool's policy to try other values of",
        )
        parser.add_argument(
            "--file", help="records of 8 bytes: start and duration in ms, big-endian"
        )
        parser.add_argument(
            "--days", type=float, help="to make up (1), or of the pool's record (7)"
        )
        parser.add_argument("--jobs", type=int, default=2000, help="a made-up day")
        parser.add_argument("--min", type=int, default=2, help="servers")
        parser.add_argument("--max", type=int, default=150, help="servers")
        parser.add_argument("--spare", type=int, default=0, help="slots to keep free")
        parser.add_argument("--slots", type=int, default=2, help="of a server")
        parser.add_argument("--boot", type=float, default=90.0, help="in seconds")
        parser.add_argument(
            "--failing", type=float, default=0.0, help="percent of boots that fail"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Do it."""
        if options["pool"]:
            self._replay_pool(options)
        else:
            self._replay_jobs(options)

    def _replay_pool(self, options: dict[str, Any]) -> None:
        days = 7.0 if options["days"] is None else options["days"]
        if not 0 < days <= MAX_DAYS:
            raise CommandError(f"Use at most {MAX_DAYS} days.")
        try:
            pool = find_pool(options["pool"])
        except NotFoundError as error:
            raise CommandError(error.message) from None
        record = read_record(pool, now=database_now(), days=days)
        if not record.jobs:
            raise CommandError(
                f"No job of {pool.name} has ended in the last {days:g} days, so there "
                "is nothing to replay."
            )
        assumed = "" if record.is_measured else " (assumed, since none was measured)"
        failed = ""
        if record.boots:
            share = f"{record.cloud.failing:.1%}"
            failed = f", and {share} of the last {record.boots} failed"
        said = (
            f"{len(record.jobs):,} jobs. A boot takes {record.cloud.boot:.0f} s"
            f"{assumed}{failed}. The jobs actually waited {record.mean:,.0f} s on "
            f"average, p95 {record.p95:,.0f} s."
        )
        self._write_head(said, options["vary"])
        for point in draw_curve(pool, record, options["vary"]):
            changed = f"{point.changes.get(options['vary'], 0):g}"
            name = "current" if point.is_present else changed
            self._write(name, point.found)

    def _replay_jobs(self, options: dict[str, Any]) -> None:
        given = {name: options[name] for name in ("min", "max", "spare", "slots")}
        policy = Policy(**given)
        for name, message in check_policy(policy).items():
            raise CommandError(f"--{name}: {message}")
        if not 0 <= options["failing"] < 100 or not 0 <= options["boot"] <= 3600:
            raise CommandError(
                "Use a boot of 0 to 3600 seconds, and less than 100 % of failing boots."
            )
        jobs = self._read_jobs(options)
        cloud = Cloud(
            boot=options["boot"],
            deadline=max(settings.BOOT_DEADLINE, options["boot"]),
            failing=options["failing"] / 100,
            slots=policy.slots,
        )
        self._write_head(f"{len(jobs):,} jobs.", "idle time")
        for minutes in MINUTES:
            planner = PolicyPlanner(replace(policy, idle=minutes * 60.0))
            self._write(f"{minutes} min", _replay(jobs, planner, cloud))
        drone = DronePlanner(min=policy.min, max=policy.max)
        self._write("Drone's defaults", _replay(jobs, drone, cloud))

    def _read_jobs(self, options: dict[str, Any]) -> Sequence[TracedJob]:
        if not options["file"]:
            days = 1.0 if options["days"] is None else options["days"]
            if not 0 < days <= 31 or not 0 < options["jobs"] <= 100_000:
                raise CommandError("Use at most 31 days and 100000 jobs a day.")
            return make_trace(days=days, jobs_per_day=options["jobs"])
        try:
            return read_trace(Path(options["file"]))
        except (OSError, ValueError) as error:
            raise CommandError(str(error)) from None

    def _write_head(self, said: str, varied: str) -> None:
        names = (varied, "mean wait", "p50", "p95", "p99", "server-hours", "idle")
        self.stdout.write(f"{said} Waits are in seconds.")
        self.stdout.write(_COLUMNS.format(*names))

    def _write(self, name: str, found: Measure) -> None:
        waits = [f"{each:,.0f}" for each in (found.mean, found.p50, found.p95)]
        rest = (f"{found.p99:,.0f}", f"{found.hours:,.1f}", f"{found.idle:.0%}")
        self.stdout.write(_COLUMNS.format(name, *waits, *rest))


def _replay(jobs: Sequence[TracedJob], planner: Planner, cloud: Cloud) -> Measure:
    world = World(jobs, cloud)
    return measure(world.run({"": planner}, tick=POLL))
