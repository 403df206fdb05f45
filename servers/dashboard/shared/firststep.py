"""What a fleet without servers needs first, for templates/servers/none.html."""

from typing import Final

from servers.access.reach import reach_accounts, reach_templates

SANDBOX: Final = "sandbox"


def find_first_step() -> dict[str, bool]:
    """Return what exists already, and whether all of it is simulated. Two queries.

    It is a callable in the context, so that it runs only if the template needs it.
    """
    kinds = set(reach_accounts().order_by().values_list("kind", flat=True).distinct())
    return {
        "has_account": bool(kinds),
        "has_template": reach_templates().exists(),
        "only_tries": kinds == {SANDBOX},
    }
