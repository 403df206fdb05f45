"""One queue's page, its form, which tests it before it is saved, and its actions."""

from typing import Any, Final

from django.contrib import messages
from django.db import transaction
from django.urls import reverse
from django.views.generic import TemplateView

from servers.access.reach import find_queue, reach_pools
from servers.dashboard.accounts.pages import describe_option
from servers.dashboard.pools.hooks import describe_hook
from servers.dashboard.pools.queue_form import QueueForm
from servers.dashboard.pools.standing import judge_pool, judge_queue
from servers.dashboard.shared.acting import Act, Delete
from servers.dashboard.shared.editing import lock_row
from servers.dashboard.shared.kinds import ChangeOfKind, EditOfKind, NewOfKind
from servers.dashboard.shared.live import Live
from servers.dashboard.shared.messages import Action
from servers.errors import InvalidError
from servers.models import Queue
from servers.operations.queue_test import probe_queue, probe_typed
from servers.operations.queues import (
    delete_queue,
    explain_runners_kept,
    save_queue,
)
from servers.placing.queue_gate import explain_refusal
from servers.queues.registry import describe_queue_kind, list_queue_kinds
from servers.records.snapshots import load_snapshot
from servers.reports.pools import show_jobs
from servers.wording import count_of

JOBS_SHOWN: Final = 50


class QueuePage(Live, TemplateView):
    """One queue: how it is doing, its jobs, and who serves them."""

    template_name = "queues/detail.html"
    permission_required = "servers.view_queue"
    bucket_seconds = 5.0

    def get_context_data(self, **context: Any) -> dict[str, Any]:
        """Load the queue, its pools and its jobs."""
        queue = find_queue(self.kwargs["name"])
        data = super().get_context_data(**context)
        shown = load_snapshot(queue)
        jobs = sorted(
            shown.jobs if shown else (), key=lambda job: (job.state, job.since)
        )
        pools = reach_pools().filter(queue=queue.pk)
        return data | {
            "row": judge_queue(queue, now=data["now"]),
            "queue": queue,
            "refusal": explain_refusal(queue, now=data["now"]),
            "acts": list_acts(queue, self.request.user),
            "options": _list_options(queue),
            "pools": [judge_pool(pool, now=data["now"]) for pool in pools],
            "jobs": show_jobs(queue, jobs[:JOBS_SHOWN]),
            "total": len(jobs),
            "busy": queue.enabled,
            **describe_hook(queue),
        }


def _list_options(queue: Queue) -> list[tuple[str, str]]:
    try:
        fields = describe_queue_kind(queue.kind).all_options
    except InvalidError:
        return []
    labels = {field.name: field.label for field in fields}
    return [
        (labels.get(name, name), describe_option(value))
        for name, value in queue.options.items()
    ]


def list_acts(queue: Queue, user: Any) -> list[Action]:
    """Return the actions that a person can take on a queue."""
    name = [queue.name]
    acts = []
    if user.has_perm("servers.change_queue"):
        switch = "disable" if queue.enabled else "enable"
        acts += [
            Action("test", "Test queue", reverse("test-queue", args=name)),
            Action("able", switch.capitalize(), reverse(f"{switch}-queue", args=name)),
        ]
    if user.has_perm("servers.delete_queue"):
        url = reverse("delete-queue", args=name)
        acts.append(Action("delete", "Delete…", url, method="GET", danger=True))
    return acts


class _EditQueue(EditOfKind):
    """What adding and changing share: a form, *Test queue* and *Save queue*."""

    template_name = "queues/edit.html"
    form_class = QueueForm
    page = noun = "queue"
    listing = "pools"
    describe = staticmethod(describe_queue_kind)

    def save(self, form: QueueForm, current: Queue | None) -> Queue:
        """Save the queue. Credentials that were left empty keep their values."""
        queue, typed = form.to_queue(current)
        return save_queue(queue, credentials=typed)

    def test(self, form: QueueForm) -> dict[str, Any]:
        """Read the queue as typed; save nothing."""
        queue, typed = form.to_queue(self.find_current())
        probe = probe_typed(queue, credentials=typed)
        return {"probe": probe, "jobs": show_jobs(queue, probe.jobs[:JOBS_SHOWN])}


class NewQueue(NewOfKind, _EditQueue):
    """Choose a kind of queue, then fill in what it needs."""

    permission_required = "servers.add_queue"
    list_kinds = staticmethod(list_queue_kinds)


class EditQueue(ChangeOfKind, _EditQueue):
    """Change a queue."""

    permission_required = "servers.change_queue"
    find = staticmethod(find_queue)


class TestQueue(Act):
    """Read a queue now. Nothing of it is stored."""

    permission_required = "servers.change_queue"
    page = "queue"
    find = staticmethod(find_queue)

    def act(self) -> str:
        """Say what was found."""
        probe = probe_queue(self.row)
        if probe.message:
            messages.error(self.request, probe.message)
            return ""
        return f"{self.row} answers. It shows {count_of(len(probe.jobs), 'job')}."


class SwitchQueue(Act):
    """Enable or disable a queue."""

    permission_required = "servers.change_queue"
    page = "queue"
    find = staticmethod(find_queue)
    enabled = True

    def act(self) -> str:
        """Save the new setting."""
        with transaction.atomic():
            queue = lock_row(self.row)
            if queue.enabled != self.enabled:
                queue.enabled = self.enabled
                save_queue(queue)
        if self.enabled:
            return f"{queue} is enabled."
        return f"{queue} is disabled. Its pools change nothing."


def explain_queue_kept(queue: Queue) -> str:
    """Return why a queue can't be deleted now, or ""."""
    pools = reach_pools().filter(queue=queue.pk)
    names = ", ".join(pools.values_list("name", flat=True)[:10])
    if names:
        return f"These pools follow it: {names}. Delete them first."
    return explain_runners_kept(queue)


class DeleteQueue(Delete):
    """Delete a queue."""

    permission_required = "servers.delete_queue"
    page = "queue"
    listing = "pools"
    find = staticmethod(find_queue)
    kept = staticmethod(explain_queue_kept)
    delete = staticmethod(delete_queue)

    def explain_cost(self) -> str:
        """Return what is deleted with the queue."""
        return "Its credentials and the record of its jobs are deleted with it."
