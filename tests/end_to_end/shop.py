"""Three queues and their pools, in a copy that runs; and the jobs that come."""

import hashlib
import hmac
import json
import queue
import random
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import urllib3

from servers.drill.plan import TIMINGS
from servers.drill.service import Service
from servers.models import Account, Pool, Queue, Template, TemplatePlacement
from servers.operations.accounts import save_account
from servers.operations.hooks import create_hook
from servers.operations.pools import save_pool
from servers.operations.queues import save_queue
from servers.operations.templates import save_template
from tests.end_to_end.works import GitHub, Works

BOOT_SECONDS: Final = 5.0
BOOT_FAILURES: Final = {"never_boots": 0.01, "fails": 0.01}
# What else the cloud does while processes are killed.
FAULTS: Final = {"timeout_before": 0.03, "timeout_after": 0.05, "server_error": 0.02}
# An instance that never called back is waited for so long. No job takes as long.
DRAIN_LIMIT: Final = 40
IDLE_SECONDS: Final = 4.0
WAVE_SECONDS: Final = 60.0
BUSY: Final = 0.4  # the part of a wave in which jobs come
# The min of each pool.
LEAST: Final = {"drone": 1, "woodpecker": 0, "github": 0, "github-once": 0}
AGENTS: Final[Mapping[str, Mapping[str, Any]]] = {
    "drone": {
        "agent": "drone",
        "agent_environment": {"DRONE_RPC_HOST": "ci", "DRONE_RPC_SECRET": "needle"},
    },
    "woodpecker": {
        "agent": "woodpecker",
        "agent_environment": {
            "WOODPECKER_SERVER": "ci:9000",
            "WOODPECKER_AGENT_SECRET": "needle",
        },
    },
    "github": {"agent": "own", "agent_image": "runner:1"},
    "github-once": {"agent": "github"},
}
OPTIONS: Final[Mapping[str, Mapping[str, Any]]] = {
    "drone": {"poll": 1},
    "woodpecker": {"poll": 1},
    "github": {"poll": 4, "organization": "acme"},  # it sends hooks
    "github-once": {"poll": 2, "organization": "acme"},
}


def describe_cloud(*, failing: bool) -> dict[str, Any]:
    """Return the sandbox's options."""
    return {
        "boot": BOOT_SECONDS,
        "latency": 0.05,
        "processing": 0.2,
        "visibility": 0.2,
        "destroying": 0.3,
        "hang": 1.0,
        "timings": TIMINGS,
        "faults": {**BOOT_FAILURES, **(FAULTS if failing else {})},
    }


def set_up_cloud(*, failing: bool) -> Account:
    """Give the only account a cloud without limits, and return it."""
    account = Account.objects.get()
    account.max_servers = account.creates_per_minute = 100_000
    account.calls_at_once = 64
    account.options = describe_cloud(failing=failing)
    return save_account(account)


def set_up_pool(works: Works, account: Account, most: int) -> Pool:
    """Create the template, the queue and the pool of a CI, all with its name."""
    given = dict(AGENTS[works.name])
    environment = given.pop("agent_environment", {})
    template = Template(
        name=works.name,
        cloud_init="docker",
        readiness="callback",
        capacity=works.slots,
        drain_seconds=DRAIN_LIMIT,
        agent_environment=json.dumps(environment),
        **given,
    )
    place = TemplatePlacement(account=account, image="debian-12", size="small")
    save_template(template, [place])
    shown = save_queue(
        Queue(
            name=works.name,
            kind=works.kind,
            url=works.url,
            options=dict(OPTIONS[works.name]),
        ),
        credentials={"token": "token-one"},
    )
    policy = {
        "min": LEAST[works.name],
        "max": most,
        "idle": IDLE_SECONDS,
        "cooldown": 2.0,
        "keep_broken": 3.0,
    }
    return save_pool(
        Pool(
            name=works.name,
            template=template,
            queue=shown,
            labels=works.labels,
            policy=policy,
        )
    )


class Hooks:
    """What GitHub sends when a job was queued or ended. A lost one stays lost."""

    def __init__(self, service: Service, github: GitHub) -> None:
        secret = create_hook(Queue.objects.get(name=github.name)).encode()
        url = f"{service.url}/api/hooks/{github.name}"
        http = urllib3.PoolManager(retries=False, timeout=urllib3.Timeout(2))
        waiting: queue.SimpleQueue[int] = queue.SimpleQueue()
        self.taken = self.lost = 0

        def send() -> None:
            while True:
                body = b'{"action": "queued", "number": %d}' % waiting.get()
                mac = hmac.new(secret, body, hashlib.sha256).hexdigest()
                headers = {"X-Hub-Signature-256": f"sha256={mac}"}
                try:
                    answer = http.request("POST", url, body=body, headers=headers)
                    taken = answer.status == 204
                except urllib3.exceptions.HTTPError:
                    taken = False
                self.taken += taken
                self.lost += not taken

        threading.Thread(target=send, daemon=True).start()
        numbers = iter(range(10**9))
        github.tell = lambda: waiting.put(next(numbers))


@dataclass(frozen=True, slots=True)
class Burst:
    """Jobs that come at once, some seconds after the beginning."""

    at: float
    works: Works
    lengths: Sequence[float]


def plan_bursts(
    works: Sequence[Works], jobs: int, seconds: float, *, most: int, seed: int
) -> Iterator[Burst]:
    """Yield bursts for all in turn, in order, that add up to so many jobs.

    They come in waves of a minute. In between, servers have time to be idle and go.
    Where an agent is for one job, there is one burst, of a job for each server: more
    would wait for new servers, and boots are what takes most of the time.
    """
    chance = random.Random(seed)
    for each in works:
        if each.one_job:
            jobs -= most
            yield Burst(0.0, each, [chance.uniform(0.5, 4.0) for _ in range(most)])
    works = [each for each in works if not each.one_job]
    bursts = max(len(works) * 2, round(jobs / 12))
    waves = max(1, round(seconds / WAVE_SECONDS))
    for number in range(bursts):
        size = jobs * (number + 1) // bursts - jobs * number // bursts
        wave, within = divmod(number * waves / bursts, 1)
        yield Burst(
            at=seconds / waves * (wave + within * (BUSY if waves > 1 else 1)),
            works=works[number % len(works)],
            lengths=[chance.uniform(0.5, 4.0) for _ in range(size)],
        )
