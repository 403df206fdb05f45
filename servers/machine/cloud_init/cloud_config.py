"""Write a part as cloud-config, which cloud-init reads at the first boot.

Source: cloud-init's documentation, "Module reference" and "Merging user-data sections".
"""

from typing import Any, Final

import yaml

from servers.machine.cloud_init.parts import BOOT, Part

HEADER: Final = "#cloud-config\n"


class _Dumper(getattr(yaml, "CSafeDumper", yaml.SafeDumper)):  # type: ignore[misc]
    """Writes texts of several lines as they are, so that people can read them."""


def _write_text(dumper: Any, text: str) -> Any:
    style = "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _write_text)


def write_cloud_config(part: Part, *, ssh_keys: tuple[str, ...] = ()) -> str:
    """Return the part as a cloud-config document."""
    document: dict[str, Any] = {}
    if ssh_keys:
        document["ssh_authorized_keys"] = list(ssh_keys)
    files = [
        {"path": each.path, "permissions": f"{each.mode:04o}", "content": each.content}
        for each in part.files
    ]
    files += [
        {"path": each.path, "permissions": "0644", "content": each.content}
        for each in part.units
    ]
    if files:
        document["write_files"] = files
    if part.steps:
        document["runcmd"] = [[BOOT]]
    body: str = yaml.dump(document, Dumper=_Dumper, sort_keys=False, width=1_000_000)
    return HEADER + body
