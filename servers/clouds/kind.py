"""How an adapter describes itself: to the registry, to forms, to the docs."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from servers.clouds.base import CloudConfig
from servers.clouds.capabilities import NO_CAPABILITIES, Capabilities
from servers.clouds.port import Cloud
from servers.clouds.timings import Timings
from servers.outgoing.fields import Field


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of cloud."""

    name: str
    label: str
    provider: str  # in the API
    open: Callable[[CloudConfig, Timings], Cloud]
    timings: Timings
    credentials: tuple[Field, ...] = ()
    # Returns what is wrong with credentials whose fields are valid one by one, or "".
    # The second argument is the account's own endpoint, or "".
    check_credentials: Callable[[Mapping[str, str], str], str] = (
        lambda _given, _endpoint: ""
    )
    # An account's options. They include the usual values of its placements'.
    account_options: tuple[Field, ...] = ()
    # Options that a placement may set, too. They override its account's.
    placement_options: tuple[Field, ...] = ()
    # Returns what is wrong with options whose fields are valid one by one, or "".
    check_options: Callable[[Mapping[str, Any]], str] = lambda _options: ""
    # Returns what is wrong with timings for a cloud with these options, or "".
    check_timings: Callable[[Mapping[str, Any], Timings], str] = lambda _options, _t: ""
    # Those of them that choose a part of the region's capacity, such as a zone.
    capacity_options: tuple[str, ...] = ()
    capabilities: Capabilities = NO_CAPABILITIES
    asks_for: str = ""  # shown on the page of kinds instead of the required credentials
    takes_endpoint: bool = True
    needs_endpoint: bool = False
    # Its instances are not real: their addresses may be this machine's own.
    is_simulated: bool = False
    needs_region: bool = True
