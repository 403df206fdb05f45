"""Pools, their plans and policies, and replays of them."""

from typing import ClassVar, Final

from servers.api.serializers.base import ModelShape, Shape
from servers.api.serializers.fields import (
    Array,
    Count,
    Number,
    Object,
    Seconds,
    Text,
    Texts,
)
from servers.api.serializers.servers import AT
from servers.lifecycle.pools.policy import SETTINGS
from servers.models import Pool, PoolPlan, PoolPolicy

_SETTINGS: Final = ", ".join(sorted(SETTINGS))
FIGURES: Final = {
    "waiting": 3,
    "held": 0,
    "passed": 0,
    "busy": 4,
    "free": 0,
    "idle": 0,
    "booting": 1,
    "servers": 3,
    "wanted": 4,
    "short": 0,
}


class PoolSerializer(ModelShape):
    """Servers of a template that follow the jobs of a queue, and the last plan."""

    template = Text(source="template.name")
    queue = Text(source="queue.name")
    labels = Texts(help_text="What its servers offer to jobs, as its CI names it.")
    why = Array(child=Text(), read_only=True, help_text="The last plan in sentences.")
    planned = Seconds("When it was last planned.", source="planned_at", read_only=True)

    example: ClassVar = {
        "name": "linux",
        "template": "default",
        "queue": "drone",
        "labels": {"os": "linux", "arch": "amd64"},
        "policy": {"min": 1, "max": 10, "idle": 300},
        "enabled": True,
        "why": [
            "3 waiting jobs; 0 free or booting slots, 4 busy.",
            "2 servers will be created.",
        ],
        "figures": FIGURES,
        "planned": AT,
    }
    body: ClassVar = {
        "name": "linux",
        "template": "default",
        "queue": "drone",
        "labels": {"os": "linux", "arch": "amd64"},
        "policy": {"min": 1, "max": 10, "idle": 300},
        "dry": True,
    }
    change: ClassVar = {"policy": {"min": 2, "max": 20, "idle": 300}}

    class Meta:
        model = Pool
        fields = (
            "name",
            "template",
            "queue",
            "labels",
            "priority",
            "policy",
            "enabled",
            "dry",
            "frozen",
            "why",
            "figures",
            "planned",
        )
        extra_kwargs: ClassVar = {
            "policy": {
                "help_text": f"Any of {_SETTINGS}. Times are in seconds. Settings "
                "that you leave out have their defaults.",
            },
            "priority": {"min_value": -1000, "max_value": 1000},
            "figures": {
                "read_only": True,
                "help_text": "The last plan's: waiting, held and passed-over jobs, "
                "busy slots, free slots with those of booting servers, idle slots, "
                "booting servers, all servers, wanted servers. Of a dry pool, also its "
                "jobs on other servers, the number of those servers if the queue names "
                "them, and the servers that it would have.",
            },
        }


class PoolPlanSerializer(ModelShape):
    """One plan of a pool."""

    at = Seconds("When it was made.")
    why = Array(child=Text())

    example: ClassVar = {
        "at": AT,
        "why": PoolSerializer.example["why"],
        "figures": FIGURES,
        "changed": True,
    }

    class Meta:
        model = PoolPlan
        fields = ("at", "why", "figures", "changed")
        extra_kwargs: ClassVar = {
            "changed": {"help_text": "Whether it changed anything."},
        }


class PoolPolicySerializer(ModelShape):
    """A policy that a pool has or has had."""

    at = Seconds("When it was set.")

    example: ClassVar = {
        "number": 2,
        "policy": {"min": 1, "max": 10, "idle": 300},
        "at": AT,
        "actor": "user:ada",
    }

    class Meta:
        model = PoolPolicy
        fields = ("number", "policy", "at", "actor")
        extra_kwargs: ClassVar = {
            "number": {"help_text": "Counts the policies of this pool."},
            "actor": {"help_text": "Who set it. Empty if that was not recorded."},
        }


class ReplayPointSerializer(Shape):
    """What one policy would have meant."""

    changes = Object(help_text="How the policy differs from the pool's current one.")
    mean = Number(source="found.mean", help_text="Mean wait of a job, in seconds.")
    p50 = Number(source="found.p50", help_text="Half of the jobs waited no longer.")
    p95 = Number(source="found.p95", help_text="95 % of the jobs waited no longer.")
    p99 = Number(source="found.p99", help_text="99 % of the jobs waited no longer.")
    hours = Number(source="found.hours", help_text="Server-hours.")
    idle = Number(
        source="found.idle", help_text="The share of slot time without a job, 0 to 1."
    )
    created_per_100 = Number(
        source="found.created_per_100", help_text="Servers created for 100 jobs."
    )
    never_run = Count(
        source="found.never_run", help_text="Jobs that still waited a day later."
    )
    cost = Number(
        allow_null=True,
        help_text="Of the servers, by the policy's `price`; null if it has none.",
    )

    example: ClassVar = {
        "changes": {"idle": 600},
        "mean": 12.5,
        "p50": 0.0,
        "p95": 92.0,
        "p99": 104.0,
        "hours": 310.5,
        "idle": 0.35,
        "created_per_100": 4.2,
        "never_run": 0,
        "cost": 27.4,
    }


class ReplaySerializer(Shape):
    """A pool's record of jobs, replayed under several policies."""

    jobs = Count(help_text="How many jobs were replayed: the newest, at most 10000.")
    boot = Number(help_text="How long a boot takes, in seconds.")
    failing = Number(help_text="The share of boots that fail, 0 to 1.")
    mean = Number(help_text="Mean wait of these jobs in fact, in seconds.")
    p95 = Number(help_text="95 % of them waited no longer in fact.")
    points = ReplayPointSerializer(
        many=True, help_text="The present policy first. Empty without jobs."
    )

    example: ClassVar = {
        "jobs": 5254,
        "boot": 41.5,
        "failing": 0.01,
        "mean": 48.2,
        "p95": 210.0,
        "points": [ReplayPointSerializer.example],
    }
