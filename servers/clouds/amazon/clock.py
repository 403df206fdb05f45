"""Tell a wrong clock from wrong credentials, which AWS refuses much alike.

A signature names the time at which it was made, and AWS takes it for some minutes only.
It says so by a code of its own, or in the words of an error about the signature; where
an AuthFailure does not even say that, the Date of the answer tells. Source: the EC2 API
Reference, "Error codes" (RequestExpired), and the IAM User Guide, "Troubleshoot
Signature Version 4 requests".
"""

import re
import socket
import time
from email.utils import parsedate_to_datetime
from typing import Final

_CODES: Final = frozenset(
    {"RequestExpired", "RequestInTheFuture", "RequestTimeTooSkewed"}
)
_WORDS: Final = re.compile(
    r"signature expired|signature not yet current|request(?: has)? expired|"
    r"time ?stamp|clock|skew|in the future",
    re.IGNORECASE,
)
# Those of them that can have another cause, and are told apart by words or by Date.
_AMBIGUOUS: Final = frozenset(
    {
        "AuthFailure",
        "Client.AuthFailure",
        "SignatureDoesNotMatch",
        "InvalidSignatureException",
        "IncompleteSignature",
        "AccessDenied",
        "AccessDeniedException",
    }
)
# Credentials that are lent for a time end with the same code as a late request.
_ENDS_TOO: Final = "RequestExpired"
# AWS takes a signature for five minutes around the time that it names.
FURTHEST: Final = 300.0


def explain_clock(code: str, message: str, *, date: str, temporary: bool) -> str:
    """Return what to do about this machine's clock, or "" where that is not the fault.

    ``date`` is the answer's Date header, "" without one; ``temporary`` tells whether
    the credentials are lent for a time.
    """
    skew = _read_skew(date)
    off = skew is not None and abs(skew) > FURTHEST
    if code in _CODES:
        lapsed = code == _ENDS_TOO and temporary and skew is not None and not off
        about_clock = not lapsed
    else:
        about_clock = code in _AMBIGUOUS and (off or bool(_WORDS.search(message)))
    if not about_clock:
        return ""
    by = ""
    if skew is not None and off:
        side = "ahead of" if skew > 0 else "behind"
        by = f", {round(abs(skew) / 60)} minutes {side} the cloud's"
    return (
        f"Set this machine's clock ({socket.gethostname()[:80]}{by}). "
        "The credentials are not at fault."
    )


def _read_skew(date: str) -> float | None:
    """Return by how many seconds this machine is ahead; None where nobody knows."""
    try:
        theirs = parsedate_to_datetime(date).timestamp()
    except (TypeError, ValueError, OverflowError):
        return None
    return time.time() - theirs
