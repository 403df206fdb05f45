"""What the adapters do alike when they open an account's location. No call is made."""

import re
from collections.abc import Callable

from servers.clouds.base import CloudConfig
from servers.errors import InvalidError
from servers.outgoing.errors import CallError
from servers.outgoing.reply import Reply
from servers.outgoing.rest import RestClient


def check_region(
    config: CloudConfig,
    pattern: re.Pattern[str],
    *,
    like: str,
    what: str = "region",
    more: str = "",
) -> None:
    """Raise InvalidError if a location's region has not the cloud's form.

    ``what`` is the cloud's word for it, and ``more`` a sentence that helps.
    """
    if pattern.fullmatch(config.region):
        return
    said = f"{config.region[:40]!r} is not a {what}. Use one such as {like}. {more}"
    raise InvalidError(
        said.rstrip(), fields={"region": [f"Use a {what} such as {like}."]}
    )


def open_with_token(
    config: CloudConfig,
    credential: str,
    *,
    what: str,
    base: str,
    explain: Callable[[Reply], CallError | None],
) -> RestClient:
    """Return the client of an API that takes a token of the account as it is."""
    token = config.credentials.get(credential, "")
    return RestClient(
        what=what,
        base=config.endpoint or base,
        headers={"Authorization": f"Bearer {token}"},
        secrets=(token,),
        explain=explain,
    )
