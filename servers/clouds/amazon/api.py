"""EC2's Query API: what its answers mean.

Source: the Amazon EC2 API Reference, "Query requests" and "Error codes".
"""

import re
from typing import Final
from xml.etree import ElementTree

from servers.clouds.amazon.clock import explain_clock
from servers.clouds.amazon.errors import find_about, find_meaning
from servers.outgoing.errors import ClockError
from servers.outgoing.http import Answer, explain_answer

NAME: Final = "Amazon EC2"

# The roots of EC2's and STS' errors, and what their codes look like.
_FORMS: Final = frozenset({"Response", "ErrorResponse"})
_CODE: Final = re.compile(r"[A-Za-z][A-Za-z0-9._]{0,99}")
MAX_WORDS: Final = 1000  # characters of EC2's own words in a message
# Thousands of characters that only a call to STS can decode.
_ENCODED: Final = re.compile(r"\s*Encoded authorization failure message: \S+")
# The error code with which EC2 says that a call with DryRun would have succeeded.
_WOULD_WORK: Final = "DryRunOperation"


def read_answer(answer: Answer, *, temporary: bool = False) -> ElementTree.Element:
    """Return the root of an answer without namespaces. Raise errors by their meaning.

    A dry run that would have succeeded is not an error. ``temporary`` tells whether the
    credentials are temporary.
    """
    try:
        root = ElementTree.fromstring(answer.body)  # noqa: S314 - expat bounds entities
    except (ElementTree.ParseError, ValueError, LookupError):  # also its encoding
        raise explain_answer(answer, NAME, "Its body is not XML.") from None
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
    if 200 <= answer.status < 300:
        return root
    error = next(root.iter("Error"), None) if root.tag in _FORMS else None
    code = find_text(error, "Code") if error is not None else ""
    if code == _WOULD_WORK:
        return root
    if error is None or not _CODE.fullmatch(code):
        # Not the form of these APIs: another service answers, which nobody shall read.
        raise explain_answer(answer, NAME, "Its body has no error code.")
    message = _ENCODED.sub("", find_text(error, "Message"))[:MAX_WORDS]
    said = f"{NAME} answered {code}: {message}"
    date = answer.headers.get("Date", "")
    if clock := explain_clock(code, message, date=date, temporary=temporary):
        raise ClockError(f"{said} {clock}")
    raise find_meaning(answer.status, code)(
        said, retry_after=answer.retry_after, about=find_about(code, message)
    )


def find_text(element: ElementTree.Element, path: str) -> str:
    """Return the text at a path, or ""."""
    return (element.findtext(path) or "").strip()
