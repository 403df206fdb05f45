"""The agents, in one literal table. A template names one of them."""

from typing import Final

AGENTS: Final = {
    "none": "no agent",
    "drone": "Drone (drone-runner-docker)",
    "woodpecker": "Woodpecker",
    "gitea": "Gitea or Forgejo runner",
    "github": "GitHub Actions runner",
    "gitlab": "GitLab Runner",
    "buildkite": "Buildkite",
    "own": "own container",
}


def list_agents() -> list[tuple[str, str]]:
    """Return the name and the label of each agent."""
    return list(AGENTS.items())
