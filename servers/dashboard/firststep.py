"""What a fleet without servers needs first, for templates/servers/none.html."""

from typing import Final

from servers.models import Account, Template

SANDBOX: Final = "sandbox"


def find_first_step() -> dict[str, bool]:
    """Return what exists already, and whether all of it is simulated. Two queries.

    It is a callable in the context, so that it runs only if the template needs it.
    """
    kinds = set(Account.objects.order_by().values_list("kind", flat=True).distinct())
    return {
        "has_account": bool(kinds),
        "has_template": Template.objects.exists(),
        "only_tries": kinds == {SANDBOX},
    }
