"""Create a pool in steps, and change one.

The steps are one form. Each shows a part of it and keeps the rest in hidden fields, so
that they work without JavaScript, and nothing is saved before the last one.
"""

from collections import Counter
from typing import Any, Final

from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse

from servers.access.reach import find_pool, find_queue, reach_queues
from servers.dashboard.pools.form import PoolForm, join_labels
from servers.dashboard.pools.standing import judge_queue
from servers.dashboard.shared.editing import Edit
from servers.errors import FleetError, NotFoundError
from servers.models import Pool, Queue
from servers.operations.pools import (
    check_pool_labels,
    check_pool_settings,
    save_pool,
)
from servers.operations.queue_test import probe_queue
from servers.placing.jobs import match_jobs
from servers.pools.preview import preview_plan
from servers.queues.base import QueueJob
from servers.records.ledger import database_now
from servers.records.snapshots import load_snapshot
from servers.reports.pools import show_jobs

JOBS_SHOWN: Final = 30
NEW: Final = "(this pool)"
# Buttons that lead to a step, or show it again with what was typed.
STEPS: Final = frozenset({"jobs", "servers", "labels"})


class _EditPool(Edit):
    """What creating and changing share: a form, and a look at the queue's jobs."""

    form_class = PoolForm
    page = "pool"
    listing = "pools"

    def find_queue(self) -> Queue:
        """Return the queue that the pool follows."""
        raise NotImplementedError

    def get_form_kwargs(self) -> dict[str, Any]:
        """Pass the queue and the pool to the form."""
        more = {"queue": self.find_queue(), "pool": self.find_current()}
        return super().get_form_kwargs() | more

    def save(self, form: PoolForm, current: Pool | None) -> Pool:
        """Save the pool."""
        return save_pool(form.to_pool(current))

    def form_valid(self, form: PoolForm) -> HttpResponse:
        """Show what the pool would do as typed, or save it."""
        if self.request.POST.get("act") != "check":
            return super().form_valid(form)
        pool = form.to_pool(self.find_current())
        pool.name = pool.name or NEW
        if wrong := check_pool_settings(pool):
            form.refuse(FleetError("The pool is not valid.", fields=wrong))
            return self.form_invalid(form)
        found = self.look(pool)
        if not found["probe"].message:
            plan = preview_plan(pool, found["probe"].shown)
            found["sentences"] = plan.why
        return self.render_to_response(self.get_context_data(form=form, **found))

    def look(self, pool: Pool) -> dict[str, Any]:
        """Read the queue now, and show which jobs the pool would serve."""
        probe = probe_queue(pool.queue)
        return {"probe": probe, **show_matches(pool, probe.jobs)}


def show_matches(pool: Pool, jobs: tuple[QueueJob, ...]) -> dict[str, Any]:
    """Return jobs with who would serve each, and how many the pool would."""
    others = Pool.objects.filter(queue=pool.queue_id, enabled=True).exclude(pk=pool.pk)
    name = pool.name or NEW
    own = Pool(
        name=name, labels=pool.labels, priority=pool.priority, policy=pool.policy
    )
    pools = [*others, own]
    # Of thousands of jobs, only those that are shown need all words.
    matched, _ = match_jobs(pool.queue, pools, jobs)
    rows = show_jobs(pool.queue, jobs[:JOBS_SHOWN], pools)
    for row in rows:
        if row["nearest"] == NEW:
            row["nearest"] = ""
    return {
        "jobs": rows,
        "own": name,
        "matching": len(matched[name]),
        "total": len(jobs),
    }


class NewPool(_EditPool):
    """Choose a queue, then what the servers offer, then the servers themselves."""

    template_name = "pools/new.html"
    permission_required = "servers.add_pool"

    def find_current(self) -> Pool | None:
        """Return None: there is no pool yet."""
        return None

    def find_queue(self) -> Queue:
        """Return the queue named in the URL."""
        return find_queue(self.request.GET.get("queue", ""))

    def get_form(self, form_class: Any = None) -> Any:
        """Return the form, or None if no queue is chosen."""
        return super().get_form(form_class) if self.has_queue() else None

    def has_queue(self) -> bool:
        """Return whether the URL names a queue that is there."""
        try:
            self.find_queue()
        except NotFoundError:
            return False
        return True

    def get_initial(self) -> dict[str, Any]:
        """Offer what most jobs of the queue ask for."""
        shown = load_snapshot(self.find_queue())
        asked = Counter(
            join_labels(sorted(job.labels.items()))
            for job in (shown.jobs if shown else ())
        )
        likely = asked.most_common(1)
        return {"labels": likely[0][0] if likely else ""}

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Go from step to step, or save the pool."""
        if not self.has_queue():
            return redirect("new-pool")
        act = request.POST.get("act", "")
        if act in STEPS:
            return self.move(act)
        return super().post(request, *args, **kwargs)

    def move(self, act: str) -> HttpResponse:
        """Show another step with what was typed, or what is wrong with this one."""
        form = self.get_form()
        form.is_valid()
        labels = form.cleaned_data.get("labels", {})
        pool = Pool(queue=form.queue, labels=labels)
        said = list(form.errors.get("labels", ()))
        said += filter(None, [check_pool_labels(pool)])
        typed = {name: form[name].value() for name in form.fields}
        fresh = PoolForm(queue=form.queue, initial=typed)
        step = "servers" if act == "servers" and not said else "jobs"
        found = self.look(pool) if act == "labels" and not said else {}
        return self.render_to_response(
            self.get_context_data(form=fresh, step=step, wrong=said, **found)
        )

    def get_context_data(self, **context: Any) -> dict[str, Any]:
        """Add the queues to choose from, and the step with its jobs."""
        data = super().get_context_data(**context)
        form = data["form"]
        data["title"] = "New pool"
        if form is None:
            queues = reach_queues().defer("jobs", "credentials")
            now = database_now()
            rows = [judge_queue(queue, now=now) for queue in queues]
            return data | {"queues": rows}
        # Errors stand at fields of the last step, except those of the labels.
        usual = "jobs" if not form.is_bound or "labels" in form.errors else "servers"
        step = data.get("step", usual)
        data |= {"queue": form.queue, "step": step, "back": reverse("pools")}
        if step == "jobs" and "jobs" not in data:
            shown = load_snapshot(form.queue)
            pool = Pool(queue=form.queue, labels=_read_labels(form))
            data |= show_matches(pool, shown.jobs if shown else ())
        return data


def _read_labels(form: PoolForm) -> dict[str, str]:
    """Return the labels of a form as they are shown; none if they are not valid."""
    try:
        labels: dict[str, str] = form.fields["labels"].clean(form["labels"].value())
    except ValidationError:
        return {}
    return labels


class EditPool(_EditPool):
    """Change a pool."""

    template_name = "pools/edit.html"
    permission_required = "servers.change_pool"

    def find_current(self) -> Pool:
        """Return the pool as it is now."""
        return find_pool(self.kwargs["name"])

    def find_queue(self) -> Queue:
        """Return the pool's queue."""
        return self.find_current().queue

    def get_context_data(self, **context: Any) -> dict[str, Any]:
        """Add the title and the way back."""
        name = self.kwargs["name"]
        return super().get_context_data(**context) | {
            "title": f"Edit {name}",
            "queue": self.find_queue(),
            "back": reverse("pool", args=[name]),
        }
