"""Ask the cloud about a template's places before it is saved.

So a typing error of an image or a size is told where it is made, and not by the first
server. It is a network call: never inside a transaction, and only where something that
the cloud can judge has changed.
"""

from copy import copy
from typing import Final

from servers.differences import read_values
from servers.errors import InvalidError, UnavailableError
from servers.models import Template
from servers.operations.secrets import refuse_new_readers
from servers.operations.setup import check_template
from servers.probe import Finding, probe_template

# What the cloud has a say in.
_ASKED: Final = (
    "account",
    "region",
    "image",
    "size",
    "ssh_key",
    "options",
    "candidates",
)
MOST_SAID: Final = 3


class RefusedPlaceError(InvalidError):
    """The cloud refuses the image, the size or an option of a template."""


def check_places(
    template: Template, *, before: Template | None, user_data: str | None = None
) -> None:
    """Raise where the cloud refuses what a template names, or can't be asked.

    RefusedPlaceError: it refuses the image, the size or an option. UnavailableError:
    that could not be found out. Both can be passed by saving without this check.
    InvalidError is what ``save_template`` would raise, too. Bounded as
    ``probe_template`` is. ``before`` is the template as it is saved, if it is, and
    ``user_data`` what comes with the change, as for ``save_template``.
    """
    if read_values(before, _ASKED) == read_values(template, _ASKED):
        return
    asked = copy(template)
    check_template(asked)
    if before is not None and user_data is None:
        refuse_new_readers(
            before, asked
        )  # no cloud is asked for what is refused anyhow
    try:
        findings = probe_template(asked)
    except UnavailableError:
        raise UnavailableError(
            "The cloud was not asked about this template, because other tests are "
            "under way. Save it again in a few seconds."
        ) from None
    refused = [found for found in findings if found.is_refusal]
    if refused:
        raise RefusedPlaceError(_say(refused))
    unknown = [found for found in findings if found.tested and not found.works]
    if unknown:
        raise UnavailableError(
            f"The cloud did not confirm this template. {_say(unknown)}"
        )


def _say(findings: list[Finding]) -> str:
    said = list(
        dict.fromkeys(
            f"{found.region}: {found.message}" if found.region else found.message
            for found in findings
        )
    )
    more = f" And {len(said) - MOST_SAID} more." if len(said) > MOST_SAID else ""
    return " ".join(said[:MOST_SAID]) + more
