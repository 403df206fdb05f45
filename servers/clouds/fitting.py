"""What adapters refuse alike before they build a create call."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from servers.clouds.base import CreateSpec
from servers.clouds.capabilities import Capabilities
from servers.outgoing.errors import RefusedError
from servers.outgoing.fields import Field, find_wrong_option

Options = Mapping[str, Any]


def refuse_options(
    options: Options, fields: Iterable[Field], check: Callable[[Options], str]
) -> None:
    """Raise RefusedError if stored options are not valid, one by one or together.

    They were checked when they were saved, perhaps by an older version.
    """
    if wrong := find_wrong_option(options, fields) or check(options):
        raise RefusedError(f"{wrong} Correct it in the template or its account.")


def refuse_content(
    spec: CreateSpec,
    capabilities: Capabilities,
    *,
    user_data: bytes | None = None,
    about: str = "",
) -> None:
    """Raise RefusedError for labels that can't be tags, and for too long user data.

    ``user_data`` is what is sent, if that is not the spec's text. ``about`` is what an
    account's test is told of labels.
    """
    if wrong := capabilities.tags.check(spec.labels, spec.options):
        raise RefusedError(wrong, about=about)
    sent = spec.user_data.encode() if user_data is None else user_data
    if wrong := capabilities.check_user_data(len(sent)):
        raise RefusedError(wrong)
