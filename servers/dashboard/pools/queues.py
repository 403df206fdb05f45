"""One queue's page, its form, which tests it before it is saved, and its actions."""

from typing import Any, Final

from django.contrib import messages
from django.db import transaction
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.generic import TemplateView

from servers.access.reach import find_queue, reach_pools
from servers.dashboard.accounts.pages import describe_option
from servers.dashboard.pools.queue_form import CREDENTIAL, QueueForm
from servers.dashboard.pools.standing import judge_pool, judge_queue
from servers.dashboard.shared.acting import Act, Delete
from servers.dashboard.shared.editing import Edit, lock_row
from servers.dashboard.shared.live import Live
from servers.dashboard.shared.messages import Action
from servers.dashboard.shared.option_fields import OPTION
from servers.errors import FleetError, InvalidError
from servers.models import Queue
from servers.operations.queue_test import probe_queue, probe_typed
from servers.operations.queues import delete_queue, save_queue
from servers.queues.kind import QueueKind
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
            "row": judge_queue(queue),
            "queue": queue,
            "acts": list_acts(queue, self.request.user),
            "options": _list_options(queue),
            "pools": [judge_pool(pool, now=data["now"]) for pool in pools],
            "jobs": show_jobs(queue, jobs[:JOBS_SHOWN]),
            "total": len(jobs),
            "busy": queue.enabled,
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


class _EditQueue(Edit):
    """What adding and changing share: a form, *Test queue* and *Save queue*."""

    template_name = "queues/edit.html"
    form_class = QueueForm
    is_kept = False
    page = "queue"
    listing = "pools"

    def find_kind(self) -> QueueKind | None:
        """Return the kind, or None if it is not chosen yet."""
        raise NotImplementedError

    def get_form_kwargs(self) -> dict[str, Any]:
        """Pass the kind and the queue to the form."""
        more = {"kind": self.find_kind(), "queue": self.find_current()}
        return super().get_form_kwargs() | more

    def form_valid(self, form: QueueForm) -> HttpResponse:
        """Test the queue as typed, or save it."""
        if self.request.POST.get("act") != "test":
            return super().form_valid(form)
        queue, typed = form.to_queue(self.find_current())
        try:
            probe = probe_typed(queue, credentials=typed)
        except FleetError as error:
            self.refuse(form, error)
            return self.form_invalid(form)
        found = {"probe": probe, "jobs": show_jobs(queue, probe.jobs[:JOBS_SHOWN])}
        return self.render_to_response(self.get_context_data(form=form, **found))

    def save(self, form: QueueForm, current: Queue | None) -> Queue:
        """Save the queue. Credentials that were left empty keep their values."""
        queue, typed = form.to_queue(current)
        return save_queue(queue, credentials=typed)

    def refuse(self, form: QueueForm, error: FleetError) -> None:
        """Show an error at its field if there is only one, else above the form."""
        names = {}
        for prefix, name in ((CREDENTIAL, "credentials"), (OPTION, "options")):
            fields = [field for field in form.fields if field.startswith(prefix)]
            if len(fields) == 1:
                names[name] = fields[0]
        form.refuse(error, **names)


class NewQueue(_EditQueue):
    """Choose a kind of queue, then fill in what it needs."""

    permission_required = "servers.add_queue"

    def find_current(self) -> Queue | None:
        """Return None: there is no queue yet."""
        return None

    def find_kind(self) -> QueueKind | None:
        """Return the kind named in the URL, or None."""
        try:
            return describe_queue_kind(self.request.GET.get("kind", ""))
        except InvalidError:
            return None

    def get_form(self, form_class: Any = None) -> Any:
        """Return the form, or None if no kind is chosen."""
        return super().get_form(form_class) if self.find_kind() else None

    def post(self, request: Any, *args: Any, **kwargs: Any) -> HttpResponse:
        """Save or test the queue; without a kind, go back to the choice of kinds."""
        if self.find_kind() is None:
            return redirect("new-queue")
        return super().post(request, *args, **kwargs)

    def get_context_data(self, **context: Any) -> dict[str, Any]:
        """Add the kinds to choose from, the title and the way back."""
        kind = self.find_kind()
        return super().get_context_data(**context) | {
            "kind": kind,
            "kinds": list_queue_kinds(),
            "title": f"New queue: {kind.label}" if kind else "New queue",
            "back": reverse("pools"),
        }


class EditQueue(_EditQueue):
    """Change a queue."""

    permission_required = "servers.change_queue"

    def find_current(self) -> Queue:
        """Return the queue as it is now."""
        return find_queue(self.kwargs["name"])

    def find_kind(self) -> QueueKind:
        """Return the queue's kind."""
        return describe_queue_kind(self.find_current().kind)

    def get_context_data(self, **context: Any) -> dict[str, Any]:
        """Add the kind, the title and the way back."""
        name = self.kwargs["name"]
        return super().get_context_data(**context) | {
            "kind": self.find_kind(),
            "title": f"Edit {name}",
            "back": reverse("queue", args=[name]),
        }


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
    return f"These pools follow it: {names}. Delete them first." if names else ""


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
