"""First steps: a short wizard. The database tells which steps are done."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode

from django.urls import reverse
from django.views.generic import TemplateView

from servers.access.reach import reach_servers, reach_tokens
from servers.dashboard.shared.first_step import find_first_step
from servers.dashboard.shared.live import Live


@dataclass(frozen=True, slots=True)
class FirstStep:
    """One step: what it is for, whether it is done, and its button."""

    title: str
    text: str
    is_done: bool
    label: str = ""
    url: str = ""
    is_current: bool = False


class FirstSteps(Live, TemplateView):
    """Account, template, server and token: what is done, and what comes next."""

    template_name = "start.html"

    def get_context_data(self, **context: Any) -> dict[str, Any]:
        """Add the steps, in five queries."""
        steps = []
        is_open = True
        for step in _list_steps(self.request.user):
            is_current = is_open and not step.is_done
            steps.append(replace(step, is_current=is_current))
            is_open = is_open and step.is_done
        return super().get_context_data(**context) | {
            "steps": steps,
            "done": sum(step.is_done for step in steps),
            "busy": True,
        }


def _list_steps(user: Any) -> Iterator[FirstStep]:
    def offer(right: str, label: str, page: str) -> tuple[str, str]:
        if not user.has_perm(f"servers.{right}"):
            return "", ""
        return label, f"{reverse(page)}?{urlencode({'next': reverse('start')})}"

    found = find_first_step()
    text = (
        "An account is a cloud and the credentials for it. Test it before you save it: "
        "the test tells you what these credentials can do."
    )
    if found["only_tries"]:
        text = (
            "You have the sandbox, a simulated cloud that bills nothing. Use it to "
            "look around, and add an account at your own cloud when you are ready."
        )
    yield FirstStep(
        "Add an account",
        text,
        found["has_account"],
        *offer("add_account", "Add account", "new-account"),
    )
    yield FirstStep(
        "Create a template",
        "A template says how servers are created: account, image, size and limits.",
        found["has_template"],
        *offer("add_template", "Create a template", "new-template"),
    )
    ready = reach_servers().filter(started_at__isnull=False).exists()
    yield FirstStep(
        "Create your first server",
        "Watch it boot. Its page shows what it is waiting for. Terminate it when you "
        "are done.",
        ready,
        *offer("add_server", "Create a server", "new-server"),
    )
    yield FirstStep(
        "Let your CI create servers",
        "Create a token with the scopes servers:read and servers:write, and give it to "
        "your autoscaler.",
        reach_tokens().exists(),
        *offer("add_token", "Create a token", "new-token"),
    )
