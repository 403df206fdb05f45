"""Tell a wrong clock from wrong credentials, which AWS refuses in similar ways.

A signature includes its time, and AWS accepts it only for some minutes. AWS reports
this with a specific code, or in the message of an error about the signature. If an
AuthFailure does not even say that, the Date header of the answer shows it. Source: the
EC2 API Reference, "Error codes" (RequestExpired), and the IAM User Guide, "Troubleshoot
Signature Version 4 requests".
"""

import re
from typing import Final

from servers.outgoing.skew import read_skew, say_clock

_CODES: Final = frozenset(
    {"RequestExpired", "RequestInTheFuture", "RequestTimeTooSkewed"}
)
_WORDS: Final = re.compile(
    r"signature expired|signature not yet current|request(?: has)? expired|"
    r"time ?stamp|clock|skew|in the future",
    re.IGNORECASE,
)
# Codes that can have another cause. The message or the Date header tells them apart.
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
# Temporary credentials that have expired give the same code as a late request.
_ENDS_TOO: Final = "RequestExpired"
# AWS accepts a signature within five minutes of its time.
FURTHEST: Final = 300.0


def explain_clock(code: str, message: str, *, date: str, temporary: bool) -> str:
    """Return what to do about this machine's clock, or "" if it is not the cause.

    ``date`` is the answer's Date header, or "". ``temporary`` tells whether the
    credentials are temporary.
    """
    skew = read_skew(date)
    off = skew is not None and abs(skew) > FURTHEST
    if code in _CODES:
        lapsed = code == _ENDS_TOO and temporary and skew is not None and not off
        about_clock = not lapsed
    else:
        about_clock = code in _AMBIGUOUS and (off or bool(_WORDS.search(message)))
    if not about_clock:
        return ""
    return say_clock(skew if off else None)
