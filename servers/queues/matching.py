"""Rules by which CI systems let an agent run a job."""

from servers.queues.base import Labels


def match_tags(job: Labels, pool: Labels) -> int | None:
    """Let any agent with all of the job's tags run it. Tags ignore case.

    So do GitHub, GitLab, Gitea, Forgejo and Jenkins.
    """
    asked = {name.lower() for name in job}
    offered = {name.lower() for name in pool}
    return len(offered - asked) if asked <= offered else None


def match_woodpecker(job: Labels, pool: Labels) -> int | None:
    """Let an agent run a job whose labels, those with a value, it carries.

    An agent's value ``*`` fits any value. A job must have each label of an agent that
    starts with ``!``, with the same value.

    Source: woodpecker-ci/woodpecker, server/rpc/filter.go.
    """
    for name, value in pool.items():
        if name.startswith("!") and job.get(name[1:]) != value:
            return None
    offered = {name.removeprefix("!"): value for name, value in pool.items()}
    asked = {name: value for name, value in job.items() if value}
    if any(offered.get(name) not in {"*", value} for name, value in asked.items()):
        return None
    return len(offered) - len(asked)


def list_missing(job: Labels, pool: Labels) -> list[str]:
    """Return which labels of a job a pool lacks, as people write them."""
    return [
        f"{name}:{value}" if value else name
        for name, value in sorted(job.items())
        if pool.get(name) != value
    ]
