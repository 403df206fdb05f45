"""What the answer to a call, or a missing answer, means to the caller.

The other side is a cloud or a CI system. What only clouds can answer is in
``servers.clouds.base``.
"""

from typing import ClassVar


class CallError(Exception):
    """Base class: what an answer, or a missing answer, means to the caller.

    ``message`` is a sentence for a person. It includes the response, contains no
    secrets, and has at most MAX_MESSAGE characters. ``retry_after`` is in seconds,
    or None if the cloud gave no time. ``about`` is the part of a create call that the
    cloud refuses, or "" if the adapter does not know it: only tests of accounts tell
    it, and nothing else depends on it.
    """

    MAX_MESSAGE: ClassVar[int] = 1000

    def __init__(
        self, message: str, *, retry_after: float | None = None, about: str = ""
    ) -> None:
        message = message[: self.MAX_MESSAGE]
        super().__init__(message)
        self.message = message
        self.retry_after = retry_after
        self.about = about


class UnknownOutcomeError(CallError):
    """There is no reliable answer: the call may have taken effect, or still may.

    Raised for time-outs, broken connections, 5xx and unreadable answers. When a read
    raises it, nothing was learned.
    """


class MissingError(CallError):
    """The other side says that what the call names does not exist.

    For a call about an instance: no instance with that id exists in this location.
    """


class RefusedError(CallError):
    """The call was refused. Nothing was created, and a repeat is refused too.

    Raised for a bad image, size, key, network or parameter.
    """


class CredentialsError(RefusedError):
    """The credentials are not accepted, in general or for this call."""


class ClockError(CallError):
    """The call's signature is rejected because this machine's clock is wrong.

    Nothing was created, and the credentials are not at fault: the same call works once
    the clock is set. ``message`` says so.
    """


class ThrottledError(CallError):
    """Too many calls. Nothing was created, and the same call may work later."""


class UnreachableError(CallError):
    """The request was never sent. Nothing was created, and a repeat may work later."""
