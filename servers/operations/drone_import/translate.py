"""What the Drone Autoscaler's variables mean here, as plain values. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from servers.errors import InvalidError
from servers.operations.drone_import.clouds import (
    CLOUDS,
    CloudImport,
    Variables,
    list_placements,
)
from servers.operations.drone_import.variables import (
    read_flag,
    read_pairs,
    read_seconds,
    read_whole,
)

_RUNNER_IMAGE: Final = "drone/drone-runner-docker:1"
# Variables whose work ServerFleet does in another way, by the beginning of the name.
_DONE_OTHERWISE: Final = {
    "DRONE_INTERVAL": "Pools follow the queue at once, and not at a fixed interval.",
    "DRONE_REAPER_": "Failed servers are not capacity, and the pool terminates them.",
    "DRONE_PINGER_": "Running servers are checked every minute.",
    "DRONE_INSTALL_CHECK_": "SERVERFLEET_BOOT_DEADLINE limits a boot.",
    "DRONE_HTTP_": "SERVERFLEET_PUBLIC_URL and deploy/ set the address.",
    "DRONE_UI_": "People log in with their own accounts.",
    "DRONE_TLS_": "deploy/ has proxies that serve HTTPS.",
    "DRONE_PROMETHEUS_": "/metrics takes an API token.",
    "DRONE_DATABASE_": "DATABASE_URL sets the database.",
    "DRONE_LOGS_": "SERVERFLEET_LOG_LEVEL and SERVERFLEET_LOG_FORMAT set the log.",
    "DRONE_SLACK_": "docs/alerts.md has the alerts.",
}
_READ: Final = frozenset(
    {
        "DRONE_CAPACITY_BUFFER",
        "DRONE_TIMEOUT_STOP",
        "DRONE_POOL_MIN",
        "DRONE_POOL_MAX",
        "DRONE_POOL_MIN_AGE",
        "DRONE_SERVER_HOST",
        "DRONE_SERVER_PROTO",
        "DRONE_SERVER_TOKEN",
        "DRONE_AGENT_TOKEN",
        "DRONE_AGENT_IMAGE",
        "DRONE_AGENT_CONCURRENCY",
        "DRONE_AGENT_OS",
        "DRONE_AGENT_ARCH",
        "DRONE_AGENT_VERSION",
        "DRONE_AGENT_KERNEL",
        "DRONE_AGENT_LABELS",
        "DRONE_AGENT_NAME_PREFIX",
        "DRONE_GC_ENABLED",
        "DRONE_GC_INTERVAL",
    }
)
_NEEDED: Final = ("DRONE_SERVER_HOST", "DRONE_SERVER_TOKEN", "DRONE_AGENT_TOKEN")
_PRUNED_AFTER: Final = 24  # hours; the autoscaler prunes by size


@dataclass(frozen=True, slots=True)
class Translation:
    """The fields of an account, a template, a queue and a pool, and what was left."""

    account: dict[str, Any]
    credentials: dict[str, str] = field(repr=False)
    template: dict[str, Any]
    placements: list[dict[str, Any]]
    queue: dict[str, Any]
    queue_credentials: dict[str, str] = field(repr=False)
    pool: dict[str, Any]
    left: tuple[str, ...] = ()  # sentences


def translate(given: Variables, *, name: str) -> Translation:
    """Return what a file of variables means. Raises InvalidError; quotes no value.

    ``name`` is what the account, the template, the queue and the pool are called.
    """
    given = {key: value for key, value in given.items() if value}
    cloud = _find_cloud(given)
    missing = [each for each in (*_NEEDED, *cloud.needed) if each not in given]
    if missing:
        raise InvalidError(
            f"{', '.join(missing)} must be set. Add what is missing to the "
            "file: the autoscaler's own defaults are too old to use."
        )
    placements = list_placements(cloud, given)
    protocol = given.get("DRONE_SERVER_PROTO", "https")
    host = given["DRONE_SERVER_HOST"]
    return Translation(
        account={
            "name": name,
            "kind": cloud.kind,
            "region": placements[0].get("region", ""),
            "endpoint": given.get(cloud.endpoint, ""),
        },
        credentials=cloud.read_credentials(given),
        template=_read_template(given, cloud, name),
        placements=placements,
        queue={"name": name, "kind": "drone", "url": f"{protocol}://{host}"},
        queue_credentials={"token": given["DRONE_SERVER_TOKEN"]},
        pool=_read_pool(given, name),
        left=tuple(_list_left(given, cloud)),
    )


def _find_cloud(given: Variables) -> CloudImport:
    found = [
        cloud for cloud in CLOUDS if any(key.startswith(cloud.prefix) for key in given)
    ]
    if len(found) == 1:
        return found[0]
    if found:
        kinds = ", ".join(cloud.kind for cloud in found)
        raise InvalidError(
            f"The file has variables of several clouds: {kinds}. Keep those of "
            "one cloud."
        )
    known = ", ".join(f"{cloud.prefix}…" for cloud in CLOUDS)
    raise InvalidError(f"The file names no supported cloud. Supported: {known}.")


def _read_template(given: Variables, cloud: CloudImport, name: str) -> dict[str, Any]:
    labels = read_pairs(given.get("DRONE_AGENT_LABELS", ""))
    environment = {
        "DRONE_RPC_HOST": given["DRONE_SERVER_HOST"],
        "DRONE_RPC_PROTO": given.get("DRONE_SERVER_PROTO", "https"),
        "DRONE_RPC_SECRET": given["DRONE_AGENT_TOKEN"],
    }
    if labels:
        joined = ",".join(f"{key}:{value}" for key, value in labels.items())
        environment["DRONE_RUNNER_LABELS"] = joined
    image = given.get("DRONE_AGENT_IMAGE", _RUNNER_IMAGE)
    found: dict[str, Any] = {
        "name": name,
        "capacity": read_whole(
            "DRONE_AGENT_CONCURRENCY", given.get("DRONE_AGENT_CONCURRENCY", "2"), 1000
        ),
        "labels": read_pairs(given.get(cloud.labels, "")),
        "name_prefix": given.get("DRONE_AGENT_NAME_PREFIX", "agent-"),
        "cloud_init": "docker",
        "readiness": "docker",
        "agent": "drone",
        "agent_image": "" if image == _RUNNER_IMAGE else image,
        "agent_environment": environment,
        "drain_seconds": read_seconds(
            "DRONE_TIMEOUT_STOP", given.get("DRONE_TIMEOUT_STOP", "1h")
        ),
    }
    if read_flag(given.get("DRONE_GC_ENABLED", "")):
        found["prune_hours"] = _PRUNED_AFTER
    return found


def _read_pool(given: Variables, name: str) -> dict[str, Any]:
    labels = {
        "os": given.get("DRONE_AGENT_OS", "linux"),
        "arch": given.get("DRONE_AGENT_ARCH", "amd64"),
        "variant": given.get("DRONE_AGENT_VERSION", ""),
        "kernel": given.get("DRONE_AGENT_KERNEL", ""),
    }
    own = read_pairs(given.get("DRONE_AGENT_LABELS", ""))
    labels |= {f"label.{key}": value for key, value in own.items()}
    most = read_whole("DRONE_POOL_MAX", given.get("DRONE_POOL_MAX", "4"), 100_000)
    usual = f"{min(2, most)}"
    policy = {
        "min": read_whole(
            "DRONE_POOL_MIN", given.get("DRONE_POOL_MIN", usual), 100_000
        ),
        "max": most,
        "spare": read_whole(
            "DRONE_CAPACITY_BUFFER", given.get("DRONE_CAPACITY_BUFFER", "0"), 100_000
        ),
    }
    if "DRONE_POOL_MIN_AGE" in given:
        policy["min_age"] = read_seconds(
            "DRONE_POOL_MIN_AGE", given["DRONE_POOL_MIN_AGE"]
        )
    return {
        "name": name,
        "labels": {key: value for key, value in labels.items() if value},
        "policy": policy,
        "dry": True,
    }


def _list_left(given: Mapping[str, str], cloud: CloudImport) -> list[str]:
    """Return a sentence for each variable that was not carried over."""
    taken = {
        *_READ,
        *cloud.placement,
        *cloud.options,
        *cloud.others,
        *cloud.needed,
        cloud.private,
        cloud.labels,
    }
    said = []
    if "DRONE_POOL_MIN_AGE" not in given:
        said.append(
            "The autoscaler's default minimum age of 55 minutes was not "
            "carried over. The pool terminates servers that have been idle for "
            "five minutes."
        )
    if read_flag(given.get("DRONE_GC_ENABLED", "")):
        said.append(
            f"Unused images are pruned after {_PRUNED_AFTER} hours, not by size."
        )
    for key in sorted(given):
        if not key.startswith("DRONE_") or key in taken:
            continue
        because = next(
            (
                words
                for start, words in _DONE_OTHERWISE.items()
                if key.startswith(start)
            ),
            "ServerFleet has no such setting.",
        )
        said.append(f"{key} was not carried over. {because}")
    return said
