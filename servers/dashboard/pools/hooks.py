"""The hook of a queue: create its secret, replace it, and remove it.

A secret is shown once, in the response that created it.
"""

from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render

from servers.access.reach import find_queue
from servers.dashboard.shared.acting import Ask
from servers.dashboard.shared.editing import Once
from servers.dashboard.shared.form_idempotency import OnceForm
from servers.dashboard.shared.messages import REPEATED
from servers.errors import ConflictError, FleetError, NotFoundError
from servers.models import Hook, Queue
from servers.operations.hooks import (
    create_hook,
    delete_hook,
    find_hook_url,
    find_scheme,
)
from servers.queues.registry import describe_queue_kind, read_poll


class HookForm(OnceForm):
    """A secret that the CI has made, if it makes its own."""

    secret = forms.CharField(
        required=False,
        max_length=500,
        strip=False,
        widget=forms.PasswordInput(
            attrs={"autocomplete": "new-password", "spellcheck": "false"}
        ),
    )

    def __init__(self, *args: Any, label: str, is_own: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        secret = self.fields["secret"]
        secret.required = is_own
        secret.help_text = f"The secret that {label} created. It is not shown again."
        if not is_own:
            secret.label = "Secret (optional)"
            secret.help_text = (
                f"Leave empty to generate one. Enter one only if {label} created it."
            )


def describe_hook(queue: Queue) -> dict[str, Any]:
    """Return what a queue's page says of its hook. One query."""
    try:
        find_scheme(queue)
    except FleetError:  # no hooks, or a kind that is no more
        return {}
    hook = Hook.objects.filter(queue=queue).defer("secret").first()
    return {"takes_hooks": True, "hook": hook}


class SetHook(Once):
    """Create the secret of a queue's hook, or replace it, and show it once."""

    template_name = "queues/hook.html"
    form_class = HookForm
    permission_required = "servers.change_queue"
    is_kept = False
    repeated = (
        f"{REPEATED} A secret is shown only once. If you lost it, replace it on the "
        "queue's page."
    )
    listing = "pools"

    def get_form_kwargs(self) -> dict[str, Any]:
        """Ask for a secret if the CI makes its own."""
        queue = self.find_queue()
        label = describe_queue_kind(queue.kind).label
        is_own = find_scheme(queue).make_secret is None
        return super().get_form_kwargs() | {"label": label, "is_own": is_own}

    def find_queue(self) -> Queue:
        """Return the queue. Without hooks, this page is none of its."""
        queue = find_queue(self.kwargs["name"])
        try:
            find_scheme(queue)
        except ConflictError as error:
            raise NotFoundError(error.message) from None
        return queue

    def get_context_data(self, **context: Any) -> dict[str, Any]:
        """Add the queue, the URL, and where to enter both."""
        queue = self.find_queue()
        return super().get_context_data(**context) | {
            "queue": queue,
            "url": find_hook_url(queue, self.request.build_absolute_uri),
            "setup": find_scheme(queue).setup,
            "label": describe_queue_kind(queue.kind).label,
            "has_hook": Hook.objects.filter(queue=queue).exists(),
        }

    def carry_out(self, form: HookForm) -> HttpResponse:
        """Store the secret, and show it if it was made here."""
        queue = self.find_queue()
        made = create_hook(queue, form.cleaned_data["secret"] or None)
        if not made:
            messages.success(
                self.request, f"{queue} now accepts hooks with that secret."
            )
            return redirect("queue", queue.name)
        context = self.get_context_data(form=form) | {"secret": made}
        return render(self.request, "queues/hook_made.html", context)


class RemoveHook(Ask):
    """Ask, and remove a queue's hook."""

    template_name = "queues/hook_remove.html"
    permission_required = "servers.change_queue"
    page = "queue"
    find = staticmethod(find_queue)
    title = "Remove the hook of {row}?"
    action_label = "Remove hook"

    def get_context_data(self, **context: Any) -> dict[str, Any]:
        """Add how often the queue is read without hooks."""
        poll = read_poll(self.row.kind, self.row.options)
        return super().get_context_data(**context) | {"poll": poll}

    def act(self) -> str:
        """Remove it."""
        delete_hook(self.row)
        return f"{self.row} no longer accepts hooks. It is still read regularly."
