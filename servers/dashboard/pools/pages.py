"""The list of pools and queues, and one pool's page."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from django.urls import reverse
from django.views.generic import TemplateView

from servers.access.reach import (
    find_pool,
    reach_pools,
    reach_queues,
    reach_servers,
)
from servers.dashboard.pools.chart import draw_servers, draw_slots, draw_waits
from servers.dashboard.pools.policy import list_settings
from servers.dashboard.pools.standing import judge_pool, judge_queue
from servers.dashboard.shared.live import Live
from servers.dashboard.shared.messages import Action
from servers.lifecycle.pools.demand import JobState
from servers.lifecycle.states import State
from servers.models import Pool, PoolPlan, PoolPolicy, Queue
from servers.placing.jobs import match_jobs
from servers.placing.registrations import find_registers
from servers.queues.base import QueueJob
from servers.records.registrations import count_runners
from servers.records.snapshots import load_snapshot
from servers.reports.costs import recent_spending
from servers.reports.pool_chart import (
    RANGES,
    compare_steps,
    find_range,
    load_pool_steps,
)

SERVERS_SHOWN: Final = 50
JOBS_SHOWN: Final = 20
PLANS_READ: Final = 200
POLICIES_SHOWN: Final = 10
SAYINGS_SHOWN: Final = 20
# A queue's answer gets old without a write.
BUCKET_SECONDS: Final = 15.0


@dataclass(slots=True)
class Saying:
    """What plans said, from the first to the last that said the same."""

    plan: PoolPlan
    since: datetime

    @property
    def seconds(self) -> float:
        """How long plans had said the same before this one."""
        return (self.plan.at - self.since).total_seconds()


class PoolList(Live, TemplateView):
    """All pools, and the queues that they follow."""

    template_name = "pools/list.html"
    permission_required = "servers.view_pool"
    bucket_seconds = BUCKET_SECONDS

    def get_context_data(self, **context: Any) -> dict[str, Any]:
        """Load all pools and queues, in two queries."""
        data = super().get_context_data(**context)
        rows = [judge_pool(pool, now=data["now"]) for pool in reach_pools()]
        may_see = self.request.user.has_perm("servers.view_queue")
        queues = list(reach_queues().defer("jobs", "credentials")) if may_see else []
        return data | {
            "rows": rows,
            "queues": [judge_queue(queue, now=data["now"]) for queue in queues],
            "busy": any(row.pool.enabled for row in rows),
        }


class PoolPage(Live, TemplateView):
    """One pool."""

    template_name = "pools/detail.html"
    permission_required = "servers.view_pool"
    bucket_seconds = BUCKET_SECONDS

    def get_context_data(self, **context: Any) -> dict[str, Any]:
        """Load the pool, its servers, its jobs, its plans and its chart."""
        pool = find_pool(self.kwargs["name"])
        data = super().get_context_data(**context)
        chosen = find_range(self.request.GET.get("range", ""))
        steps = load_pool_steps(pool, chosen, now=data["now"])
        servers = reach_servers().filter(pool=pool.pk, hidden=False)
        servers = servers.exclude(state=State.STOPPED).order_by("-created_at", "-id")
        shown = list(servers.select_related("account")[: SERVERS_SHOWN + 1])
        jobs = _load_jobs(pool)
        running = Counter(job.server for job in jobs if job.state is JobState.RUNNING)
        waiting = list(_list_waiting(pool, jobs))
        spending = recent_spending(now=data["now"])
        registers = find_registers(pool.template, pool.queue) is not None
        return data | {
            "row": judge_pool(pool, now=data["now"]),
            "pool": pool,
            "acts": list_acts(pool, self.request.user),
            "servers": [
                (server, running[server.name]) for server in shown[:SERVERS_SHOWN]
            ],
            "has_more": len(shown) > SERVERS_SHOWN,
            "waiting": waiting[:JOBS_SHOWN],
            "waiting_count": len(waiting),
            "registers": registers,
            "runners": count_runners(pool) if registers else 0,
            "settings": list(list_settings(pool.policy)),
            "earlier": _list_earlier(pool),
            "sayings": _join_plans(pool.plans.order_by("-at", "-pk")[:PLANS_READ]),
            "ranges": RANGES,
            "range": chosen,
            "steps": steps,
            "slots": draw_slots(steps),
            "waits": draw_waits(steps),
            "compared": compare_steps(steps, chosen) if pool.dry else None,
            "beside": draw_servers(steps) if pool.dry else None,
            "costs": spending.of_pool(pool.pk),
            "costs_at": spending.at,
            "busy": pool.enabled,
        }


def _list_earlier(pool: Pool) -> list[tuple[PoolPolicy, str]]:
    """Return the policies before the present one, and what each says. One query."""
    earlier = pool.policies.order_by("-number")[1 : POLICIES_SHOWN + 1]
    return [
        (each, ", ".join(map(" ".join, list_settings(each.policy)))) for each in earlier
    ]


def _load_jobs(pool: Pool) -> tuple[QueueJob, ...]:
    shown = load_snapshot(Queue.objects.get(pk=pool.queue_id))
    return shown.jobs if shown else ()


def _list_waiting(
    pool: Pool, jobs: Iterable[QueueJob]
) -> Iterator[tuple[QueueJob, datetime]]:
    """Yield the jobs that wait for this pool, the oldest first. One query."""
    waiting = [job for job in jobs if job.state is JobState.PENDING]
    rivals = Pool.objects.filter(queue=pool.queue_id, enabled=True)
    matched, _ = match_jobs(pool.queue, list(rivals), waiting, as_if_live=pool.dry)
    for job in sorted(matched.get(pool.name, ()), key=lambda each: each.since):
        yield job, datetime.fromtimestamp(job.since, UTC)


def _join_plans(plans: Iterable[PoolPlan]) -> list[Saying]:
    """Return plans, the newest first; those in a row that say the same are one."""
    said: list[Saying] = []
    for plan in plans:
        if said and said[-1].plan.why == plan.why and not plan.changed:
            said[-1].since = plan.at
        else:
            said.append(Saying(plan, plan.at))
    return said[:SAYINGS_SHOWN]


def list_acts(pool: Pool, user: Any) -> list[Action]:
    """Return the actions that a person can take on a pool."""
    name = [pool.name]
    acts = []
    if user.has_perm("servers.change_pool"):
        for act, label in (
            ("live", "Carry out plans") if pool.dry else ("dry", "Dry run"),
            ("unfreeze", "Unfreeze")
            if pool.frozen
            else ("freeze", "Freeze terminations"),
            ("disable", "Disable") if pool.enabled else ("enable", "Enable"),
        ):
            acts.append(Action(act, label, reverse(f"{act}-pool", args=name)))
    if user.has_perm("servers.delete_pool"):
        url = reverse("delete-pool", args=name)
        acts.append(Action("delete", "Delete…", url, method="GET", danger=True))
    return acts
