"""What a fleet without servers needs first; templates/servers/none.html says it."""

from typing import Final

from servers.models import Account, Template

SANDBOX: Final = "sandbox"


def find_first_step() -> dict[str, bool]:
    """Return what there is already, and whether all of it is simulated. Two queries.

    A template asks for it where it is shown: a callable in its context.
    """
    kinds = set(Account.objects.order_by().values_list("kind", flat=True).distinct())
    return {
        "has_account": bool(kinds),
        "has_template": Template.objects.exists(),
        "only_tries": kinds == {SANDBOX},
    }
