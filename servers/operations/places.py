"""Ask the cloud about a template's locations before it is saved.

So you see a mistyped image or size at once, not only when the first server fails. This
is a network call: never make it inside a transaction, and only if something changed
that the cloud can check.
"""

from collections.abc import Collection, Iterable, Sequence
from typing import Final

from servers.errors import InvalidError, UnavailableError
from servers.models import Template, TemplatePlacement
from servers.models.placement import PLACEMENT_FIELDS
from servers.operations.account_test import probe_template
from servers.operations.secrets import refuse_new_readers
from servers.operations.templates import check_template
from servers.operations.visits import Finding
from servers.records.differences import read_values

MAX_SAID: Final = 3


class RefusedPlaceError(InvalidError):
    """The cloud refuses the image, the size or an option of a template."""


def check_places(
    template: Template,
    placements: Sequence[TemplatePlacement],
    *,
    before: Template | None,
    user_data: str | None = None,
    entered: Collection[str] = (),
) -> None:
    """Raise an error if the cloud refuses a template or can't be asked about it.

    RefusedPlaceError: it refuses the image, the size or an option. UnavailableError:
    that could not be determined. Both can be avoided by saving without this check.
    InvalidError: ``save_template`` would raise the same. The time limits are those of
    ``probe_template``. ``before`` is the saved template, if any. ``user_data`` and
    ``entered`` are as for ``save_template``.
    """
    if before is not None and _read(before.placements.all()) == _read(placements):
        return
    check_template(template, placements)
    if before is not None:
        # Before the cloud is asked: this would be refused anyway.
        again = {*entered, *(() if user_data is None else ("user_data",))}
        refuse_new_readers(before, template, placements, entered=again)
    try:
        findings = probe_template(template, placements)
    except UnavailableError:
        raise UnavailableError(
            "The cloud was not asked about this template because other tests are in "
            "progress. Save it again in a few seconds."
        ) from None
    refused = [found for found in findings if found.is_refusal]
    if refused:
        raise RefusedPlaceError(_say(refused))
    unknown = [found for found in findings if found.tested and not found.works]
    if unknown:
        raise UnavailableError(
            f"The cloud did not confirm this template. {_say(unknown)}"
        )


def _read(placements: Iterable[TemplatePlacement]) -> list[object]:
    asked = set(PLACEMENT_FIELDS) - {"price_per_hour", "currency"}
    return [read_values(each, asked) for each in placements]


def _say(findings: list[Finding]) -> str:
    said = list(
        dict.fromkeys(
            f"{found.region}: {found.message}" if found.region else found.message
            for found in findings
        )
    )
    more = f" And {len(said) - MAX_SAID} more." if len(said) > MAX_SAID else ""
    return " ".join(said[:MAX_SAID]) + more
