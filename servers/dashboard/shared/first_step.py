"""What a fleet without servers needs first, for templates/servers/none.html."""

from collections.abc import Collection

from servers.access.reach import reach_accounts, reach_templates
from servers.clouds.registry import describe_kind


def are_simulated(kinds: Collection[str]) -> bool:
    """Tell whether there are kinds, and all of them only simulate a cloud."""
    return bool(kinds) and all(describe_kind(kind).is_simulated for kind in kinds)


def find_first_step() -> dict[str, bool]:
    """Return what exists already, and whether all of it is simulated. Two queries.

    It is a callable in the context, so that it runs only if the template needs it.
    """
    kinds = set(reach_accounts().order_by().values_list("kind", flat=True).distinct())
    return {
        "has_account": bool(kinds),
        "has_template": reach_templates().exists(),
        "only_tries": are_simulated(kinds),
    }
