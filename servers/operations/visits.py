"""What a test of an account asks in one region, within limits, and what it finds."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, TypeVar

from servers.clouds.base import NoCapacityError, QuotaError
from servers.errors import UnavailableError
from servers.models import Account
from servers.outgoing.errors import (
    CallError,
    CredentialsError,
    RefusedError,
    UnreachableError,
)
from servers.placing.call_slots import BusyError, call_slot
from servers.placing.locations import open_location

# A person waits for the result, and the web process has few threads. So only this many
# tests may use one at the same time.
MAX_AT_ONCE: Final = 2
MAX_SECONDS: Final = 10.0  # per region

_Answer = TypeVar("_Answer")
_places = threading.BoundedSemaphore(MAX_AT_ONCE)


@dataclass(frozen=True, slots=True)
class Finding:
    """One result of a test in a region.

    If ``tested`` is False, nothing was tested, and ``message`` says why. Such a finding
    neither works nor fails. ``is_refusal``: the cloud refused the template's values.
    ``check`` is what was tested.
    """

    region: str
    works: bool
    message: str
    tested: bool = True
    is_refusal: bool = False
    check: str = ""

    @property
    def outcome(self) -> str:
        """One of ``works``, ``fails``, ``untested``."""
        if not self.tested:
            return "untested"
        return "works" if self.works else "fails"


class Check(StrEnum):
    """What a test of an account tells, in the order in which it tells it."""

    REACH = "reach"
    CREDENTIALS = "credentials"
    LIST = "list"
    QUOTA = "quota"
    IMAGE = "image"
    SIZE = "size"
    KEY = "key"
    NETWORK = "network"
    TAGS = "tags"
    CREATE = "create"
    DESTROY = "destroy"


def leave_out(region: str, message: str, check: str = "") -> Finding:
    """Return a finding for what was not tested; ``message`` says why."""
    return Finding(region, False, message, tested=False, check=check)


class Visit:
    """The calls to one region, within its share of the time.

    ``silent`` once a call got no answer: the next call would get none either.
    """

    def __init__(self, account: Account, region: str, *, ends: float) -> None:
        self.account = account
        self.region = region
        self.cloud = open_location(account, region)
        self.ends = min(ends, time.monotonic() + MAX_SECONDS)
        self.silent = False

    def ask(self, call: Callable[[float], _Answer]) -> _Answer:
        """Make a call, passing it its deadline."""
        left = self.ends - time.monotonic()
        if left <= 0:
            raise UnreachableError("The test ran out of time.")
        with call_slot(self.account):
            return call(min(left, self.cloud.timings.call))

    def find_out(
        self,
        probe: Callable[[], str],
        *,
        advise: Callable[[RefusedError], str],
        check: Check,
    ) -> Finding:
        """Return what ``probe`` says, or why it failed and what to do about it.

        ``check`` is what it tests. If a part of a create call is refused, that part
        failed, and not the rights to create.
        """
        try:
            return Finding(self.region, True, probe(), check=check)
        except RefusedError as error:
            advice = advise(error)
            # Rights, quota and capacity are not the fault of the template.
            others = CredentialsError | QuotaError | NoCapacityError
            return Finding(
                self.region,
                False,
                f"{error.message} {advice}",
                is_refusal=not isinstance(error, others),
                check=error.about or check,
            )
        except CallError as error:
            words = error.message
        except BusyError:
            words = "Too many calls are in progress."
        self.silent = True
        return Finding(self.region, False, f"{words} Test again.", check=check)

    def skip(self, what: str, check: Check) -> Finding:
        """Return a finding for something not tested, as the cloud doesn't answer."""
        why = "because the previous call got no answer"
        return leave_out(self.region, f"{what} was not tested, {why}.", check)


@contextmanager
def take_place() -> Iterator[None]:
    """Hold one of the places for tests. Raise UnavailableError if all are taken."""
    if not _places.acquire(blocking=False):
        raise UnavailableError("Other tests are running. Test again in a few seconds.")
    try:
        yield
    finally:
        _places.release()
