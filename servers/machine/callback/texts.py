"""What an instance sends is text of a stranger: clean it, shorten it, hide secrets."""

import json
import re
from collections.abc import Iterable, Iterator
from typing import Final

MAX_LOG: Final = 16 * 1024  # characters, the last ones of the log
HIDDEN: Final = "[hidden]"
_END_LINES: Final = 3
_END_LETTERS: Final = 400
_LEAST: Final = 6  # characters of a value that is hidden; less would hide words
_LEAST_LINE: Final = 10  # … and of a line of a file
_ESCAPES: Final = re.compile(
    r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|.)"
)
_CONTROLS: Final = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ufffe\uffff]"
)
_KEY: Final = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)",
    re.DOTALL,
)
# NAME=value, "name": "value" and the like, where the name says that it is secret. What
# a name can have around that has a limit, so that a long line costs no more than many
# short ones.
_NAMED: Final = re.compile(
    r"(?:secret|token|passw|api_?key|private_?key|credential)"
    r"[A-Za-z0-9_.-]{0,80}['\"]?\s{0,20}[:=]\s{0,20}"
    r"(\"[^\"\n]+\"|'[^'\n]+'|[^\s'\",;]+)",
    re.IGNORECASE,
)
# --password VALUE and the like.
_OPTION: Final = re.compile(
    r"(?<!-)--[a-z-]{0,80}?(?:secret|token|password|passphrase|key|credential)"
    r"[ \t]{1,20}(\"[^\"\n]+\"|'[^'\n]+'|[^\s'\"]+)",
    re.IGNORECASE,
)
# The end of a key that began before the first line that was sent.
_KEY_END: Final = re.compile(
    r"\A(?:[A-Za-z0-9+/=]*\n)*-----END [A-Z ]*PRIVATE KEY-----"
)
_IN_URL: Final = re.compile(r"(?<=://)([^\s/@:]*:)[^\s/@]+(?=@)")
_CALLBACK: Final = re.compile(r"cb_[A-Za-z0-9_-]{43}")


def clean_log(text: str, secrets: Iterable[str] = ()) -> str:
    """Return the end of a log as text, without control characters and ``secrets``."""
    text = _ESCAPES.sub("", text.replace("\r\n", "\n"))
    # Of a line that was written over and over, such as a progress bar, its last state.
    lines = (line.rstrip("\r").rpartition("\r")[2] for line in text.split("\n"))
    text = "\n".join(lines)
    text = _KEY_END.sub(HIDDEN, _CONTROLS.sub("", text))
    return hide(text, secrets)[-MAX_LOG:]


def clean_line(text: str, most: int) -> str:
    """Return a text as one printable line of at most ``most`` characters."""
    return " ".join(_CONTROLS.sub("", text).split())[:most]


def hide(text: str, secrets: Iterable[str]) -> str:
    """Return the text with secrets hidden: given ones, and what looks like one.

    That is a private key, a password in a URL, or a callback's token.
    """
    text = _CALLBACK.sub(HIDDEN, _KEY.sub(HIDDEN, text))
    text = _IN_URL.sub(rf"\1{HIDDEN}", text)
    for secret in sorted(set(secrets), key=len, reverse=True):
        text = text.replace(secret, HIDDEN)
    return text


def find_end(log: str) -> str:
    """Return the last lines of a log in one line, short enough for a sentence."""
    lines = (clean_line(each, 1000) for each in log.split("\n"))
    end = " / ".join([line for line in lines if line][-_END_LINES:])
    return end if len(end) <= _END_LETTERS else f"… {end[-_END_LETTERS:]}"


def list_secrets(
    environment: str, files: str, texts: Iterable[str], given: Iterable[str] = ()
) -> set[str]:
    """Return what must not show in a log.

    That is each value of ``environment`` (a JSON object), each text that was ``given``
    for this server alone, and each line of ``files`` (a JSON array), whose content
    nobody can read. In the files and in ``texts`` it is
    also each value of a variable or option whose name says that it is a secret.
    """
    found = {*_list_values(environment), *given}
    contents = list(_list_contents(files))
    for content in contents:
        lines = (line.strip() for line in content.splitlines())
        found |= {line for line in lines if len(line) >= _LEAST_LINE}
    for text in (*texts, *contents):
        for pattern in (_NAMED, _OPTION):
            found |= {match[1].strip("'\"") for match in pattern.finditer(text)}
    return {each for each in found if len(each) >= _LEAST}


def _list_contents(files: str) -> Iterator[str]:
    """Return the contents of a template's files, of which some may be empty."""
    try:
        known = json.loads(files or "[]")
    except ValueError:
        return
    for each in known if isinstance(known, list) else ():
        content = each.get("content") if isinstance(each, dict) else None
        if isinstance(content, str):
            yield content


def _list_values(environment: str) -> Iterator[str]:
    try:
        values = json.loads(environment or "{}")
    except ValueError:
        return
    for value in values.values() if isinstance(values, dict) else ():
        # A log shows the lines of a long value one by one.
        yield from (line.strip() for line in str(value).splitlines())
