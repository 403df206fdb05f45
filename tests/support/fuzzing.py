"""What the fuzzer needs to know besides the schema. schemathesis loads this file."""

import hashlib
import itertools
import json
import string
from collections.abc import Callable
from functools import partial
from typing import Any

import schemathesis
from hypothesis import strategies as st

from servers.machine.agents.checks import IMAGE
from servers.machine.agents.table import AGENTS
from servers.machine.cloud_init.options import (
    check_build_labels,
    check_daemon_json,
    check_files,
    check_images,
    check_mirrors,
    check_registries,
    check_ssh_keys,
)

# Python's str.isprintable, which no JSON Schema pattern can express.
schemathesis.openapi.format(
    "printable",
    st.one_of(
        st.text(string.ascii_letters + string.digits + " ._:/-äß漢🙂", min_size=1),
        st.text(st.characters(exclude_categories=("C", "Z")), min_size=1),
    ),
)

# Names of things that must exist, and can't be deleted while servers need them.
NAMES = {"template": "default", "account": "sandbox", "queue": "drone"}
OWN_TOKEN = "first"
# Nothing needs these, so a deletion finds one that it may delete.
SPARE = [f"spare-{number}" for number in range(4)]
_spares = {
    name: itertools.cycle(SPARE)
    for name in ("accounts", "templates", "queues", "pools")
}
RENAMED = {f"/api/{rows}/{{name}}" for rows in _spares}
PLACED = {"/api/templates", "/api/templates/{name}"}


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: dict[str, Any]) -> None:
    """Keep what the run depends on, and make valid what the schema can't express."""
    names = case.path_parameters or {}
    if case.path == "/api/tokens/{name}" and names.get("name") == OWN_TOKEN:
        names["name"] = "ci"
    meta = case.meta
    if meta is None or not meta.generation.mode.is_positive:
        return
    if "wait" in (case.query or {}):
        case.query["wait"] = 0  # half a minute each would take the whole run
    _name_known(case, names)
    if case.path in PLACED and case.method in {"POST", "PATCH"}:
        case.query["unchecked"] = "true"  # no cloud has an image of that name
    if isinstance(case.body, dict):
        _make_valid(case.body)
        if case.path in PLACED:
            _set_up(case.body)
        if case.path in PLACED and (
            case.body.get("is_default") or names.get("name") == NAMES["template"]
        ):
            # Else it would rightly refuse most of what requests for servers choose.
            case.body["overrides"] = "any"
        if case.path in RENAMED and "name" in case.body:
            case.body["name"] = names["name"]
    if "Idempotency-Key" in (case.headers or {}):
        # A key that was used for another request is rightly refused.
        request = (case.method, case.path, names, case.body)
        digest = hashlib.sha256(repr(request).encode()).hexdigest()
        case.headers["Idempotency-Key"] = digest


def _name_known(case: Any, names: dict[str, Any]) -> None:
    """Name rows that are there and may be acted on."""
    if case.path == "/api/pools" and isinstance(case.body, dict):
        taken = case.body.get("name") == "linux"
        case.body |= {"name": "linux-2"} if taken else {}
    if case.path.endswith("/retry"):
        names["name"] = "agent-error"
    if case.path.endswith("/demand"):
        names["name"] = "linux"  # whose queue takes it
    if case.path.endswith("/try"):
        names["name"] = "default"  # its trial's server would keep a spare one
    if case.method == "DELETE" and case.path in RENAMED:
        names["name"] = next(_spares[case.path.split("/")[2]])
    if "pk" in names:
        names["pk"] = int(names["pk"]) % 100 + 1


# Timings that fit together, with any lag between two looks.
FITTING = {
    **dict.fromkeys(("settle", "grace", "gate"), 86400),
    "call": 10,
    "lease": 60,
    "listing_busy": 1,
    "listing_idle": 5,
}


def _make_valid(body: dict[str, Any]) -> None:
    placements = body.get("placements", [])
    is_template = placements or "image" in body or "user_data" in body
    for entry in (body, *placements):
        entry.pop("options" if is_template else "", None)  # are of its account's kind
        for field, name in NAMES.items():
            if entry.get(field):
                entry[field] = name
    if body.get("kind") == "amazon":
        _make_amazon(body)
    if body.get("count", 1) != 1:
        body.pop("name", None)
    if body.get("expires"):
        body["expires"] = 2**33
    _make_quick(body)


# What stands in for what the schema allows and the operation refuses.
INSTEAD: dict[str, tuple[Callable[[Any], str], Any]] = {
    "registry_mirrors": (check_mirrors, ["https://mirror.example.com"]),
    "insecure_registries": (check_registries, ["registry.example.com:5000"]),
    "pull_images": (check_images, ["docker:28-dind"]),
    "ssh_keys": (check_ssh_keys, []),
    "daemon_json": (partial(check_daemon_json, local_disk=True), {"debug": True}),
    "build_labels": (check_build_labels, {"build": ""}),
    "files": (
        lambda files: check_files(json.dumps(files)),
        [{"path": "/etc/example.conf", "content": "a = 1\n"}],
    ),
    "agent_image": (lambda image: "" if IMAGE.fullmatch(image) else "no", "agent:1"),
    "user_data": (lambda text: "no" if "{{" in text else "", "#!/bin/sh\n"),
}


def _set_up(body: dict[str, Any]) -> None:
    """Let what runs on a server fit together, with all that its agent needs."""
    for name, (check, instead) in INSTEAD.items():
        if body.get(name) and check(body[name]):
            body[name] = instead
    agent = AGENTS.get(body.get("agent") or "none", AGENTS["none"])
    if agent is AGENTS["none"]:
        for name in ("agent_image", "agent_environment"):
            body.pop(name, None)
    else:
        needed = {each.name: "x" for each in agent.variables if each.required}
        body["agent_environment"] = {**body.get("agent_environment", {}), **needed}
        body["agent_image"] = body.get("agent_image") or "agent:1"
    for_docker = {*INSTEAD, "prune_hours", "local_disk", "commands"}
    if agent is not AGENTS["none"] or any(body.get(name) for name in for_docker):
        body |= {"cloud_init": "docker", "readiness": "docker"}


def _make_quick(body: dict[str, Any]) -> None:
    options = body.get("options", {})
    for name in {"latency", "processing", "visibility", "hang"} & options.keys():
        options[name] = 0.1
    if timings := options.get("timings"):
        timings |= FITTING


def _make_amazon(body: dict[str, Any]) -> None:
    body["region"] = "eu-central-1"
    if "endpoint" in body:
        body["endpoint"] = ""  # most are addresses that are never connected to
    credentials = body.get("credentials", {})
    if not credentials.get("role_arn"):
        credentials.pop("external_id", None)
    for name in [*body.get("options", {})]:
        if name.startswith(("disk_", "launch_")):  # which must fit one another
            del body["options"][name]
