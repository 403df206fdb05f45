"""What calls ServerFleet from the instance: a script, its token and its service.

It needs nothing that a cloud image lacks: a POSIX shell, awk, od, and curl or GNU Wget.
"""

import shlex
from functools import lru_cache
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from servers.machine.callback.tokens import is_token
from servers.machine.shell import drop_comments

FOLDER: Final = "/opt/serverfleet"
SCRIPT: Final = f"{FOLDER}/callback"
TOKEN: Final = f"{FOLDER}/callback.token"
CA: Final = f"{FOLDER}/callback.ca.pem"
SERVICE: Final = "serverfleet-callback.service"
_SCRIPT: Final = Path(__file__).with_name("callback.sh")
# Builds can use up the memory. The service that tells of them outlives that.
UNIT: Final = f"""\
[Unit]
Description=Report to ServerFleet
Wants=network-online.target
After=network-online.target

[Service]
ExecStart={SCRIPT}
Restart=always
RestartSec=10
OOMScoreAdjust=-900

[Install]
WantedBy=multi-user.target
"""


def render_script(*, url: str, has_docker: bool, has_agent: bool) -> str:
    """Return the script. It holds no secret.

    ``url`` is where ServerFleet is reached. The boot is through once Docker answers
    (``has_docker``) and the agent runs (``has_agent``).
    """
    values = {
        "url": url.rstrip("/"),
        "scheme": urlsplit(url).scheme,
        "folder": FOLDER,
        "token": TOKEN,
        "ca": CA,
        "state": "/var/lib/serverfleet",
        "steps": "/var/lib/serverfleet/steps",
        "log": "/var/log/serverfleet.log",
        "cloud_init": "/run/cloud-init",
        "has_docker": "yes" if has_docker else "no",
        "has_agent": "yes" if has_agent else "no",
    }
    lines = [f"{name}={shlex.quote(value)}\n" for name, value in values.items()]
    return "".join(("#!/bin/sh\nset -u\n", *lines, read_script()))


def render_token(token: str) -> str:
    """Return the content of the token's file. It is secret."""
    # It becomes a line of curl's configuration.
    if not is_token(token):
        raise ValueError("This is no token.")
    return f"{token}\n"


@lru_cache
def read_script() -> str:
    """Return the text of the script.

    Its comments, except for those at its head, would only make user data longer.
    """
    head, gap, rest = _SCRIPT.read_text(encoding="ascii").partition("\numask 077\n")
    return head + gap + drop_comments(rest)
