"""Write a part as an Ignition config, which Flatcar reads before its first boot.

Source: Ignition's "Configuration Specification v3.3.0" (coreos/ignition,
docs/configuration-v3_3.md), which Flatcar reads since release 3185.0.0.
"""

import base64
import gzip
import json
from typing import Any, Final
from urllib.parse import quote

from servers.machine.cloud_init.parts import BOOT, BOOTED, Part, Unit

VERSION: Final = "3.3.0"
_USER: Final = "core"
_BOOT_UNIT: Final = Unit(
    "serverfleet-boot.service",
    f"""\
[Unit]
Description=Set this instance up
Wants=network-online.target
After=network-online.target
ConditionPathExists=!{BOOTED}

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart={BOOT}

[Install]
WantedBy=multi-user.target
""",
    enabled=True,
)


def write_ignition(
    part: Part, *, ssh_keys: tuple[str, ...] = (), own: str = "", readable: bool = False
) -> str:
    """Return the part as an Ignition config.

    ``own`` is a config that is merged over it. ``readable`` is for people: texts are
    neither compressed nor encoded.
    """
    units = [*part.units, *([_BOOT_UNIT] if part.steps else ())]
    config: dict[str, Any] = {"ignition": {"version": VERSION}}
    if own:
        config["ignition"]["config"] = {"merge": [_embed(own, readable=readable)]}
    if ssh_keys:
        # Ignition refuses a key that is listed twice.
        users = [{"name": _USER, "sshAuthorizedKeys": list(dict.fromkeys(ssh_keys))}]
        config["passwd"] = {"users": users}
    if part.files:
        config["storage"] = {
            "files": [
                {
                    "path": each.path,
                    "mode": each.mode,
                    "overwrite": True,
                    "contents": _embed(each.content, readable=readable),
                }
                for each in part.files
            ]
        }
    if units:
        config["systemd"] = {"units": _list_units(units)}
    if readable:
        return json.dumps(config, indent=2, ensure_ascii=False) + "\n"
    return json.dumps(config, separators=(",", ":"), ensure_ascii=False)


def _embed(text: str, *, readable: bool) -> dict[str, str]:
    """Return a resource with the text: the shorter of plain and compressed."""
    if readable:
        return {"source": f"data:,{text}"}
    plain = {"source": f"data:,{quote(text)}"}
    packed = base64.b64encode(gzip.compress(text.encode(), mtime=0)).decode()
    short = {"source": f"data:;base64,{packed}", "compression": "gzip"}
    return min(plain, short, key=lambda each: len(json.dumps(each)))


def _list_units(units: list[Unit]) -> list[dict[str, Any]]:
    """Return the units, with the drop-ins of each."""
    found: dict[str, dict[str, Any]] = {}
    for unit in units:
        entry = found.setdefault(unit.name, {"name": unit.name})
        if unit.dropin:
            dropin = {"name": unit.dropin, "contents": unit.content}
            entry.setdefault("dropins", []).append(dropin)
        else:
            entry["contents"] = unit.content
        if unit.enabled:
            entry["enabled"] = True
    return list(found.values())
