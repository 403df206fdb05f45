"""Actions on a pool: its switches, and its end."""

from typing import Any, ClassVar

from django import forms
from django.db import transaction

from servers.access.reach import find_pool
from servers.dashboard.shared.acting import Act, Ask
from servers.dashboard.shared.editing import lock_row
from servers.errors import InvalidError
from servers.models import Pool
from servers.operations.pools import count_members, delete_pool, save_pool
from servers.wording import count_of


class SwitchPool(Act):
    """Set one of a pool's switches."""

    permission_required = "servers.change_pool"
    page = "pool"
    find = staticmethod(find_pool)
    field: str = "enabled"
    value: bool = True
    said: ClassVar[dict[tuple[str, bool], str]] = {
        ("enabled", True): "{} is enabled.",
        ("enabled", False): "{} is disabled. Its servers stay.",
        ("dry", True): "{} now only says what it would do.",
        ("dry", False): "{} now carries out its plans.",
        ("frozen", True): "{} terminates no servers until you unfreeze it.",
        ("frozen", False): "{} terminates idle servers again.",
    }

    def act(self) -> str:
        """Save the new setting."""
        with transaction.atomic():
            pool: Pool = lock_row(self.row)
            if getattr(pool, self.field) != self.value:
                setattr(pool, self.field, self.value)
                save_pool(pool)
        return self.said[self.field, self.value].format(pool.name)


# By the name in the address.
SWITCHES = {
    "enable": SwitchPool.as_view(field="enabled", value=True),
    "disable": SwitchPool.as_view(field="enabled", value=False),
    "dry": SwitchPool.as_view(field="dry", value=True),
    "live": SwitchPool.as_view(field="dry", value=False),
    "freeze": SwitchPool.as_view(field="frozen", value=True),
    "unfreeze": SwitchPool.as_view(field="frozen", value=False),
}


class UsePolicy(Act):
    """Go back to an earlier policy. The one that it replaces is kept, too."""

    permission_required = "servers.change_pool"
    page = "pool"
    find = staticmethod(find_pool)

    def act(self) -> str:
        """Save the policy with the number that was sent."""
        number = self.request.POST.get("number", "")
        with transaction.atomic():
            pool: Pool = lock_row(self.row)
            earlier = {str(each.number): each for each in pool.policies.all()}
            if number not in earlier:
                raise InvalidError("Choose one of the policies that the page shows.")
            pool.policy = earlier[number].policy
            save_pool(pool)
        return f"{pool.name} uses policy {number} again."


class FateForm(forms.Form):
    """What becomes of a pool's servers."""

    servers = forms.ChoiceField(
        label="Its servers",
        choices=(
            ("keep", "Keep them. They stay until you terminate them."),
            ("drain", "Drain and terminate them. Running jobs finish first."),
        ),
        initial="keep",
    )


class DeletePool(Ask):
    """Ask what becomes of its servers, and delete a pool."""

    template_name = "pools/delete.html"
    permission_required = "servers.delete_pool"
    page = "pool"
    listing = "pools"
    find = staticmethod(find_pool)
    form_class = FateForm
    title = "Delete {row}?"
    action_label = "Delete"
    removes = True

    def get_context_data(self, **context: Any) -> dict[str, Any]:
        """Say how many servers it has."""
        servers, protected = count_members(self.row)
        return super().get_context_data(**context) | {
            "servers": servers,
            "protected": protected,
        }

    def act(self) -> str:
        """Delete the pool."""
        drain = self.given["servers"] == "drain"
        servers, protected = count_members(self.row)
        delete_pool(self.row, drain=drain)
        number = servers - protected if drain else servers
        end = ""
        if servers and drain:
            end = f" {count_of(number, 'server')} will be drained and terminated."
        elif servers:
            end = f" {count_of(number, 'server')} {'stays' if number == 1 else 'stay'}."
        return f"{self.row.name} was deleted.{end}"
