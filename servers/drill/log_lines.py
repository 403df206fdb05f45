"""What the log of a drill must not contain: secrets, and tracebacks of the web process.

Clients talk only to the web process, so a traceback there may be one that a client can
cause.
"""

import base64
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from django.conf import settings

from servers.drill.service import Service
from servers.models import Account, Host, Server

_FORMS: Final = {
    "a token": re.compile(r"sf_[0-9a-f]+_[A-Za-z0-9_-]{20,}"),
    "a private key": re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----"),
    "a bearer's credentials": re.compile(r"(?i)bearer +(?!token)[A-Za-z0-9_-]{16,}"),
}
_WEB: Final = re.compile(r"web\d* *\|")
_TRACE: Final = "Traceback (most recent call last)"
# The credentials that a first start shows on purpose end with this.
SHOWN_ONCE: Final = "These credentials are shown only once."


def find_faults(log: str, secrets: Mapping[str, Iterable[str]]) -> list[str]:
    """Return sentences on what is wrong with a log, never the secret itself.

    ``secrets`` are the values that must not be in it, by description.
    """
    first, _, rest = log.partition(SHOWN_ONCE)
    text = rest or first
    return [*_find_secrets(text, secrets), *_find_traces(text)]


def _find_secrets(text: str, secrets: Mapping[str, Iterable[str]]) -> Iterator[str]:
    for what, values in secrets.items():
        count = sum(text.count(value) for value in values if value)
        if count:
            yield f"The log contains {what}. Occurrences: {count}."
    for what, form in _FORMS.items():
        if count := len(form.findall(text)):
            yield f"The log contains what looks like {what}. Occurrences: {count}."


def _find_traces(text: str) -> Iterator[str]:
    lines = text.splitlines()
    for number, line in enumerate(lines):
        if _TRACE in line and _WEB.match(line):
            # The last line has the error. It is indented less than the others.
            block = " ".join(lines[number : number + 60])
            yield f"The web process logged a traceback: {block[:1500]}"


def list_secrets(service: Service) -> dict[str, list[str]]:
    """Return the values that must not be in the copy's log, by description."""
    keys = [base64.b64encode(key).decode() for key in settings.ENCRYPTION_KEYS.values()]
    # Through the models themselves: values_list() would return encrypted values.
    held = [(row.secret, row.ca_key, row.tls_key) for row in Server.objects.all()]
    daemons = [host.daemon_key for host in Host.objects.all()]
    credentials = [json.loads(row.credentials or "{}") for row in Account.objects.all()]
    return {
        "the drill's token": [service.token.split("_", 2)[2]],
        "the admin's password": [service.env["SERVERFLEET_ADMIN_PASSWORD"]],
        "a key of the installation": [settings.SECRET_KEY, *keys],
        "the database's password": [settings.DATABASES["default"].get("PASSWORD", "")],
        "a server's secret": sorted({text for row in held for text in row}),
        "the key of a Docker daemon": daemons,
        "an account's credentials": [
            str(value) for each in credentials for value in each.values()
        ],
    }
