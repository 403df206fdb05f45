"""Stand-ins for agents: containers that do with signals what each agent does.

They were written from the sources that ``servers/machine/agents/table.py`` names. Each
has one build from each start on, which ends once the container gets SIGUSR1. Its log
says whether the build was done or cancelled. The images have what the real ones
have in the places where the table starts it.
"""

import shutil
import tarfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from io import BytesIO
from typing import Any, Final

from servers.lifecycle.conditions import Met, NotYet
from servers.machine.agents.cordon import cordon_agent, resume_agent
from servers.machine.agents.drain import drain_agent
from servers.machine.agents.plan import SERVER_LABEL, AgentPlan, plan_agent
from servers.machine.agents.start import look_at_agent, start_agent
from servers.machine.docker.client import Docker
from servers.machine.docker.connection import Endpoint
from tests.support.dockerd import Dockerd

# The build of a stand-in. Its name is that of the process that a real agent has.
BUILD: Final = """\
#!/bin/sh
while [ ! -e /release ]; do sleep 0.05; done
"""
AGENT: Final = """\
#!/bin/sh
kind=$1
told=0
busybox rm -f /release
busy() { kill -0 "$build" 2>/dev/null; }
cancel() { busy && { kill "$build"; echo "build cancelled"; }; exit 1; }
term() {
    told=$((told + 1))
    case $kind in
    woodpecker | github) cancel ;;
    gitlab) cancel ;;
    gitea) grep -q '"shutdown_timeout":"3h"' "$CONFIG_FILE" || cancel ;;
    *) [ "$told" -lt 2 ] || cancel ;;
    esac
}
quit() {
    told=$((told + 1))
    [ "$kind" = gitlab ] || cancel
}
trap term TERM INT
trap quit QUIT
trap ': >/release' USR1
case $kind in
github)
    mkdir -p /home/runner/_work/_temp
    /bin/Runner.Worker &
    ;;
buildkite) /bin/buildkite-agent bootstrap & ;;
*) /bin/build & ;;
esac
build=$!
echo "build runs"
while busy; do wait "$build"; done
echo "build done"
while [ "$told" = 0 ] && [ "$kind" != github ]; do
    sleep 0.05 &
    wait $!
done
"""
# What GitHub's runner is given that is not let in.
REFUSED: Final = "refused"
GITLAB: Final = """\
#!/bin/sh
config=/etc/gitlab-runner/config.toml
case $1 in
register) echo 'concurrent = 1' >$config ;;
run) grep -qx 'concurrent = 2' $config && exec /bin/agent gitlab ;;
esac
"""
# It ends with 0, too, if GitHub does not let it in.
RUNNER: Final = f"""\
#!/bin/sh
mkdir -p /home/runner/_work
[ "${{ACTIONS_RUNNER_INPUT_JITCONFIG-}}" != {REFUSED} ] || exit 0
exec /bin/agent github
"""
FILES: Final = {
    "bin/agent": AGENT,
    "bin/build": BUILD,
    "bin/Runner.Worker": BUILD,
    "bin/buildkite-agent": BUILD,
    "sbin/tini": '#!/bin/sh\nshift\nexec "$@"\n',
    "usr/bin/dumb-init": '#!/bin/sh\nexec "$@"\n',
    "usr/bin/gitlab-runner": GITLAB,
    "opt/act/run.sh": "#!/bin/sh\nexec /bin/agent gitea\n",
    "home/runner/run.sh": RUNNER,
}
PROGRAMS: Final = (
    *("sh", "sleep", "cat", "kill", "touch", "mkdir", "printf", "sed", "grep"),
    *("test", "[", "env"),
)

# How the containers of a build look. GitHub's and Buildkite's builds are processes.
BUILDS: Final[dict[str, tuple[str, dict[str, str], str]]] = {
    "drone": (
        "drone-a",
        {
            "io.drone": "true",
            "io.drone.repo.slug": "octocat/hello",
            "io.drone.build.number": "7",
        },
        "octocat/hello 7",
    ),
    "woodpecker": ("wp_1", {"wp_uuid": "1", "wp_step": "test"}, "test"),
    "gitea": ("GITEA-ACTIONS-TASK-4_JOB-x", {}, "GITEA-ACTIONS-TASK-4_JOB-x"),
    "gitlab": (
        "runner-1",
        {
            "com.gitlab.gitlab-runner.managed": "true",
            "com.gitlab.gitlab-runner.job.url": "https://gitlab.example.com/j/5",
        },
        "https://gitlab.example.com/j/5",
    ),
}
WAITS: Final = NotYet("Waiting for the agent to finish its builds and end.", builds=())


def name_image(kind: str) -> str:
    """Return the image of the stand-in of an agent."""
    return f"standin:{kind}"


def add_images(daemon: Dockerd, kinds: tuple[str, ...]) -> None:
    """Give a daemon the images of stand-ins."""
    packed = _pack()
    for kind in kinds:
        change = f'ENTRYPOINT ["/bin/agent", "{kind}"]'
        if kind == "github":
            change = "ENTRYPOINT []"  # it is started by its command
        daemon.docker("import", "--change", change, "-", name_image(kind), stdin=packed)


def _pack() -> bytes:
    packed = BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        tar.add(str(shutil.which("busybox")), "bin/busybox", recursive=False)
        for program in PROGRAMS:
            link = tarfile.TarInfo(f"bin/{program}")
            link.type, link.linkname = tarfile.SYMTYPE, "busybox"
            tar.addfile(link)
        for folder in ("tmp", "etc/gitlab-runner"):
            made = tarfile.TarInfo(folder)
            made.type, made.mode = tarfile.DIRTYPE, 0o777
            tar.addfile(made)
        for path, text in FILES.items():
            file = tarfile.TarInfo(path)
            file.mode, file.size = 0o755, len(text)
            tar.addfile(file, BytesIO(text.encode()))
    return packed.getvalue()


@dataclass
class Host:
    """A daemon, and how ServerFleet reaches it."""

    daemon: Dockerd
    endpoint: Endpoint

    def connect(self) -> Docker:
        return Docker(self.endpoint, timeout=5)

    def start(self, plan: AgentPlan) -> Met | NotYet:
        with self.connect() as docker:
            return start_agent(docker, plan)

    def look(self, plan: AgentPlan) -> Met | NotYet:
        with self.connect() as docker:
            return look_at_agent(docker, plan)

    def drain(self, plan: AgentPlan) -> Met | NotYet:
        with self.connect() as docker:
            return drain_agent(docker, plan)

    def cordon(self, plan: AgentPlan) -> Met:
        with self.connect() as docker:
            return cordon_agent(docker, plan)

    def resume(self, plan: AgentPlan) -> Met | NotYet:
        with self.connect() as docker:
            return resume_agent(docker, plan)

    def drain_all(self, plan: AgentPlan) -> Met:
        return wait_for(lambda: self.drain(plan))

    def list_agents(self) -> list[str]:
        with self.connect() as docker:
            found = docker.list_containers({SERVER_LABEL: ""}, all=True)
        return [each.id for each in found]

    def release(self) -> None:
        (agent,) = self.list_agents()
        with self.connect() as docker:
            docker.kill(agent, "SIGUSR1")
        self.wait_for_log("build done")

    def read_log(self) -> list[str]:
        (agent,) = self.list_agents()
        path = f"/containers/{agent}/logs?stdout=1&stderr=1"
        with self.connect() as docker:
            _, frames = docker._exchange("GET", path, None)
        lines = []
        while frames:  # each has a head of eight bytes, the last four of them a length
            size = int.from_bytes(frames[4:8], "big")
            lines.append(frames[8 : 8 + size].decode().rstrip())
            frames = frames[8 + size :]
        return lines

    def clear(self) -> None:
        """Remove all containers."""
        with self.connect() as docker:
            for each in docker.list_containers(all=True):
                docker.remove(each.id)

    def start_quickly(self, plan: AgentPlan) -> None:
        wait_for(lambda: self.start(plan))
        self.wait_for_log("build runs")

    def wait_for_log(self, *lines: str) -> None:
        """Wait for an entry of each line, if one is repeated for that many."""
        wanted = Counter(lines)
        wait_for(lambda: Met("") if wanted <= Counter(self.read_log()) else None)


def wait_for(look: Callable[[], Met | NotYet | None]) -> Met:
    ends = time.monotonic() + 20
    while not isinstance(found := look(), Met):
        assert time.monotonic() < ends, found
        time.sleep(0.05)
    return found


def plan_for(kind: str, **given: Any) -> AgentPlan:
    values: dict[str, Any] = {"uid": "a" * 32, "name": "agent-1", "capacity": 2}
    plan = plan_agent(kind, **values | {"image": name_image(kind)} | given)
    return replace(plan, deaf=timedelta(0))  # tests wait until the stand-in listens
