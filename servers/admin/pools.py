"""Queues and pools: forms for the operations. Credentials are write-only."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest

from servers.access.reach import reach_queues
from servers.admin.base import Listed, Shown
from servers.admin.credentials import CredentialsForm
from servers.errors import FleetError
from servers.models import Hook, Pool, PoolJob, PoolPlan, PoolPolicy, Queue
from servers.operations.pools import check_pool_settings, delete_pool, save_pool
from servers.operations.queue_test import probe_queue
from servers.operations.queues import (
    check_queue_settings,
    delete_queue,
    resolve_queue_credentials,
    save_queue,
)
from servers.queues.registry import list_queue_kinds
from servers.wording import count_of


class QueueForm(CredentialsForm):
    """A queue. You can set and replace its credentials, but never read them."""

    kind = forms.ChoiceField(
        choices=lambda: [(kind.name, kind.label) for kind in list_queue_kinds()]
    )

    class Meta:
        model = Queue
        fields = ("name", "kind", "url", "new_credentials", "options", "enabled")

    def clean(self) -> dict[str, Any]:
        """Check the settings against the kind of queue."""
        data: dict[str, Any] = super().clean() or self.cleaned_data
        if self.errors:
            return data
        before = reach_queues().filter(pk=self.instance.pk).first()
        names = ("name", "kind", "url", "options", "enabled")
        wanted = Queue(pk=self.instance.pk, **{name: data[name] for name in names})
        try:
            credentials = resolve_queue_credentials(
                before, wanted, data.get("new_credentials")
            )
        except FleetError as error:
            self.add_error("new_credentials", error.fields["credentials"][0])
            return data
        for name, texts in check_queue_settings(wanted, credentials).items():
            field = "new_credentials" if name == "credentials" else name
            for text in texts:
                self.add_error(field, text)
        return data


class PoolForm(forms.ModelForm):  # type: ignore[type-arg]
    """A pool, with its policy as JSON."""

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
        )

    def clean(self) -> dict[str, Any]:
        """Check the labels and the policy."""
        data: dict[str, Any] = super().clean() or self.cleaned_data
        if self.errors:
            return data
        names = ("name", "template", "queue", "labels", "policy", "enabled")
        wanted = Pool(pk=self.instance.pk, **{name: data[name] for name in names})
        for name, texts in check_pool_settings(wanted).items():
            for text in texts:
                self.add_error(name, text)
        return data


class _Operated(Listed):
    """Rows that only an operation deletes, one at a time."""

    def get_actions(self, request: HttpRequest) -> Any:
        """Leave the action out that deletes without the operation."""
        found = super().get_actions(request)
        found.pop("delete_selected", None)
        return found


@admin.register(Queue)
class QueueAdmin(_Operated):
    """The queues of CI systems."""

    form = QueueForm
    list_display = ("name", "kind", "url", "enabled", "answered_at", "problem")
    list_filter = ("enabled",)
    search_fields = ("name", "url")
    readonly_fields = (
        "answered_at",
        "hooked",
        "problem",
        "cordon_problem",
        "runner_problem",
        "refused_until",
        "paused",
        "complete",
    )
    actions = ("test",)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Return the form's fields, then the queue's state."""
        seen = [*self.readonly_fields] if obj else []
        return [*QueueForm.Meta.fields, *seen]

    @admin.display(description="Last hook")
    def hooked(self, obj: Queue) -> Any:
        """Return when a hook came last, or that none is expected."""
        hook = Hook.objects.filter(queue=obj).first()
        return "It has no hook." if hook is None else hook.came_at

    @admin.action(description="Test queues", permissions=["change"])
    def test(self, request: HttpRequest, queues: QuerySet[Queue]) -> None:
        """Read the first few queues: each can take seconds."""
        for queue in queues[:3]:
            found = probe_queue(queue)
            said = found.message or f"It shows {count_of(len(found.jobs), 'job')}."
            tone = messages.ERROR if found.message else messages.SUCCESS
            self.message_user(request, f"{queue}: {said}", tone)

    def save_model(
        self, request: HttpRequest, obj: Queue, form: Any, change: bool
    ) -> None:
        """Save with the operation."""
        save_queue(obj, credentials=form.cleaned_data["new_credentials"])

    def delete_model(self, request: HttpRequest, obj: Queue) -> None:
        """Delete with the operation."""
        delete_queue(obj)


@admin.register(Pool)
class PoolAdmin(_Operated):
    """The pools."""

    form = PoolForm
    list_display = ("name", "template", "queue", "enabled", "dry", "planned_at")
    list_filter = ("enabled", "dry", "frozen")
    list_select_related = ("template", "queue")
    search_fields = ("name",)
    readonly_fields = ("why", "figures", "planned_at")

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Return the form's fields, then the last plan."""
        seen = [*self.readonly_fields] if obj else []
        return [*PoolForm.Meta.fields, *seen]

    def save_model(
        self, request: HttpRequest, obj: Pool, form: Any, change: bool
    ) -> None:
        """Save with the operation."""
        save_pool(obj)

    def delete_model(self, request: HttpRequest, obj: Pool) -> None:
        """Delete with the operation. Its servers stay."""
        delete_pool(obj, drain=False)


@admin.register(PoolJob)
class PoolJobAdmin(Shown):
    """The record of jobs."""

    list_display = ("key", "queue", "pool", "queued_at", "started_at", "ended_at")
    list_select_related = ("queue", "pool")
    ordering = ("-queued_at", "-pk")


@admin.register(PoolPolicy)
class PoolPolicyAdmin(Shown):
    """The policies that pools have had."""

    list_display = ("pool", "number", "at", "actor", "policy")
    list_select_related = ("pool",)
    ordering = ("-at", "-pk")


@admin.register(PoolPlan)
class PoolPlanAdmin(Shown):
    """What pools planned."""

    list_display = ("pool", "at", "changed", "why")
    list_filter = ("changed",)
    list_select_related = ("pool",)
    ordering = ("-at", "-pk")
