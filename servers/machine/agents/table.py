"""The agents, in one literal table. A template names one of them.

What each does with a signal was read in its source, in the file that its entry names.
Adding an agent is adding an entry.
"""

import re
from typing import Final

from servers.machine.agents.kinds import SOCKET, Agent, Builds, Drain, Variable

THREE_HOURS: Final = 10_800

# Gitea's runner reads how long it waits for its builds from a file only. Forgejo's
# image has the same program under another name, and nothing that registers it. What was
# registered at Forgejo before stands in the file as a connection (Forgejo's
# documentation, "Forgejo Runner Registration").
GITEA_START: Final = """\
set -eu
umask 077
mkdir -p /data
cd /data
export CONFIG_FILE=/data/serverfleet.yaml
server=
if [ -n "${FORGEJO_RUNNER_UUID-}" ]; then
    labels=$(printf %s "${GITEA_RUNNER_LABELS:-docker}" | sed 's/ *, */","/g')
    server=$(printf ',"server":{"connections":{"serverfleet":{"url":"%s","uuid":"%s",'\
'"token":"%s","labels":["%s"]}}}' "$GITEA_INSTANCE_URL" "$FORGEJO_RUNNER_UUID" \
        "$FORGEJO_RUNNER_TOKEN" "$labels")
fi
printf '{"runner":{"capacity":%s,"shutdown_timeout":"3h"}%s}' \
    "$SERVERFLEET_CAPACITY" "$server" >"$CONFIG_FILE"
if ! command -v forgejo-runner >/dev/null; then
    if [ -n "$server" ]; then
        echo "Name the image of Forgejo's runner in the template." >&2
        exit 1
    fi
    exec /sbin/tini -- "$(command -v run.sh || echo /opt/act/run.sh)"
fi
[ -n "$server" ] || [ -s .runner ] || forgejo-runner register --no-interactive \
    --config "$CONFIG_FILE" --instance "$GITEA_INSTANCE_URL" \
    --token "$GITEA_RUNNER_REGISTRATION_TOKEN" --name "$GITEA_RUNNER_NAME" \
    --labels "${GITEA_RUNNER_LABELS:-docker}"
unset GITEA_RUNNER_REGISTRATION_TOKEN FORGEJO_RUNNER_TOKEN
exec forgejo-runner daemon --config "$CONFIG_FILE"
"""

# How many builds run at once stands in the file that registering writes, and no
# variable sets it.
GITLAB_START: Final = """\
set -eu
umask 077
config=/etc/gitlab-runner/config.toml
[ -s "$config" ] || gitlab-runner register --non-interactive
sed -i "s/^concurrent *=.*/concurrent = $RUNNER_LIMIT/" "$config"
unset CI_SERVER_TOKEN
exec gitlab-runner run --user=gitlab-runner --working-directory=/home/gitlab-runner
"""

AGENTS: Final[dict[str, Agent]] = {
    # A plain Docker host: whoever has the client's certificate starts builds on it. The
    # template says which containers are builds.
    "none": Agent("no agent", binds=()),
    # drone/drone-runner-docker, command/daemon/daemon.go; drone/signal, signal.go: the
    # first SIGTERM or SIGINT ends polling and the stages that run are finished, without
    # a limit. The second one kills it, because it is no longer caught. Labels:
    # drone/runner-go, labels/labels.go.
    "drone": Agent(
        "Drone (drone-runner-docker)",
        image="drone/drone-runner-docker:1",
        variables=(
            Variable(
                "DRONE_RPC_HOST", "Drone server", "Host name, without https://.", True
            ),
            Variable("DRONE_RPC_PROTO", "Protocol", "https or http.", default="https"),
            Variable("DRONE_RPC_SECRET", "Shared secret", required=True, secret=True),
            Variable(
                "DRONE_RUNNER_LABELS",
                "Labels",
                "Such as size:large,team:web. Optional.",
            ),
        ),
        capacity="DRONE_RUNNER_CAPACITY",
        name="DRONE_RUNNER_NAME",
        builds=Builds(
            labels={"io.drone": "true"},
            network="drone-",
            titles=("io.drone.repo.slug", "io.drone.build.number"),
        ),
    ),
    # woodpecker-ci/woodpecker, agent/runner.go: SIGTERM cancels each workflow that
    # runs. pipeline/backend/docker: each workflow has a network, from its start to its
    # end, and its steps' containers have the label wp_uuid. Only Woodpecker's API can
    # cordon an agent (no_schedule). Between the last look and the signal it could take
    # a build, so it is paused meanwhile; a build that it took by then is handed out
    # again (server/queue/fifo.go).
    "woodpecker": Agent(
        "Woodpecker",
        image="woodpeckerci/woodpecker-agent:v3",
        variables=(
            Variable(
                "WOODPECKER_SERVER", "Woodpecker server", "Host and gRPC port.", True
            ),
            Variable("WOODPECKER_AGENT_SECRET", "Agent token", "", True, secret=True),
            Variable(
                "WOODPECKER_GRPC_SECURE", "Use TLS", "true or false.", default="true"
            ),
            Variable(
                "WOODPECKER_AGENT_LABELS", "Labels", "Optional, such as size=large."
            ),
        ),
        capacity="WOODPECKER_MAX_WORKFLOWS",
        name="WOODPECKER_HOSTNAME",
        fixed={"WOODPECKER_BACKEND": "docker"},
        drain=Drain(cancels=True),
        builds=Builds(labels={"wp_uuid": ""}, network="wp_", titles=("wp_step",)),
    ),
    # gitea/runner, internal/app/cmd/daemon.go: SIGTERM or SIGINT ends polling and
    # waits for shutdown_timeout, which is 0 s unless the configuration file says more,
    # then cancels. Three hours are also the runner's own limit for a build
    # (config.example.yaml, runner.timeout). A repeated signal does nothing. Names of
    # containers: internal/app/run/runner.go; Forgejo's runner has its own word there.
    "gitea": Agent(
        "Gitea or Forgejo runner",
        image="gitea/act_runner:latest",
        variables=(
            Variable("GITEA_INSTANCE_URL", "Instance URL", "https://…", True),
            Variable(
                "GITEA_RUNNER_REGISTRATION_TOKEN",
                "Registration token",
                required=True,
                secret=True,
            ),
            Variable(
                "GITEA_RUNNER_LABELS",
                "Labels",
                "Optional, such as ubuntu-latest:docker://node:22-bookworm.",
            ),
        ),
        capacity="SERVERFLEET_CAPACITY",
        name="GITEA_RUNNER_NAME",
        entrypoint=("/bin/sh", "-c", GITEA_START),
        user="0",  # Forgejo's image has a user that can't open the socket
        drain=Drain(seconds=THREE_HOURS),
        builds=Builds(name=re.compile(r"^(GITEA|FORGEJO)-ACTIONS-TASK-")),
    ),
    # actions/runner, images/Dockerfile and src/Misc/layoutroot/run.sh: SIGTERM becomes
    # an interrupt, which cancels the job (actions/runner#3308). A just-in-time
    # configuration is for one job, after which the runner ends. It ends with 0 as well
    # if GitHub did not let it in (src/Misc/layoutroot/run-helper.sh.template). But only
    # a job creates the folder for its temporary files, which stays
    # (src/Runner.Worker/TempDirectoryManager.cs). Its jobs are processes of the runner
    # (Runner.Worker). The containers of their services have a label of six hexadecimal
    # digits (src/Runner.Worker/Container/DockerCommandManager.cs).
    # Settings come as ACTIONS_RUNNER_INPUT_… and are removed from the environment that
    # jobs see (src/Runner.Listener/CommandSettings.cs).
    "github": Agent(
        "GitHub Actions runner",
        image="ghcr.io/actions/actions-runner:latest",
        variables=(
            Variable(
                "ACTIONS_RUNNER_INPUT_JITCONFIG",
                "Just-in-time configuration",
                "encoded_jit_config from GitHub's API. It works for one runner and one "
                "job.",
                required=True,
                secret=True,
            ),
        ),
        fixed={"RUNNER_ALLOW_RUNASROOT": "1", "RUNNER_MANUALLY_TRAP_SIG": "1"},
        command=("/home/runner/run.sh",),
        user="0",  # the group that owns the socket differs from host to host
        one_build=True,
        trace="/home/runner/_work/_temp",
        drain=Drain(cancels=True),
        builds=Builds(label=re.compile(r"^[0-9a-f]{6}$"), process="Runner.Worker"),
    ),
    # gitlab-org/gitlab-runner, commands/multi.go: SIGQUIT ends polling and waits for
    # the builds without a limit, also if it comes twice. SIGTERM and SIGINT abort them.
    # Labels: executors/docker/internal/labels/labels.go.
    "gitlab": Agent(
        "GitLab Runner",
        image="gitlab/gitlab-runner:alpine",
        variables=(
            Variable("CI_SERVER_URL", "GitLab URL", "https://…", True),
            Variable(
                "CI_SERVER_TOKEN",
                "Runner token",
                "Starts with glrt-. Tags are set in GitLab.",
                required=True,
                secret=True,
            ),
            Variable(
                "DOCKER_IMAGE",
                "Default image",
                "For jobs that name none.",
                default="alpine:latest",
            ),
        ),
        capacity="RUNNER_LIMIT",
        name="RUNNER_NAME",
        fixed={"RUNNER_EXECUTOR": "docker"},
        entrypoint=("/usr/bin/dumb-init", "/bin/sh", "-c", GITLAB_START),
        drain=Drain("SIGQUIT"),
        builds=Builds(
            labels={"com.gitlab.gitlab-runner.managed": "true"},
            titles=("com.gitlab.gitlab-runner.job.url",),
        ),
    ),
    # buildkite/agent, clicommand/agent_start.go: the first SIGTERM or SIGINT finishes
    # the jobs without a limit, the second cancels them, and so does SIGQUIT. Its jobs
    # are processes of the agent (buildkite-agent bootstrap) in sessions of their own,
    # which a signal to the agent does not reach. The labels are those of the plugins
    # docker and docker-compose.
    "buildkite": Agent(
        "Buildkite",
        image="buildkite/agent:3",
        variables=(
            Variable("BUILDKITE_AGENT_TOKEN", "Agent token", "", True, secret=True),
            Variable(
                "BUILDKITE_AGENT_TAGS",
                "Tags",
                "Such as queue=linux,size=large. Optional.",
            ),
        ),
        capacity="BUILDKITE_AGENT_SPAWN",
        name="BUILDKITE_AGENT_NAME",
        name_pattern="{name}-%spawn",
        # Containers of builds mount the checkout, so its path is the same on the host.
        fixed={"BUILDKITE_BUILD_PATH": "/var/lib/buildkite/builds"},
        binds=(
            f"{SOCKET}:{SOCKET}",
            "/var/lib/buildkite/builds:/var/lib/buildkite/builds",
        ),
        builds=Builds(
            label=re.compile(r"^com\.buildkite\.job[-_]id$"),
            process="buildkite-agent bootstrap",
            titles=("com.buildkite.pipeline_slug", "com.buildkite.build_number"),
        ),
    ),
    # Whatever the image does: it gets SIGTERM once, and has to end after its builds.
    "own": Agent(
        "own container", capacity="SERVERFLEET_CAPACITY", name="SERVERFLEET_SERVER"
    ),
}


def list_agents() -> list[tuple[str, str]]:
    """Return the name and the label of each agent."""
    return [(name, agent.label) for name, agent in AGENTS.items()]
