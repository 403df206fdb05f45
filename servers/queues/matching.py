"""Rules by which CI systems let an agent run a job."""

from servers.queues.base import Labels


def match_tags(job: Labels, pool: Labels) -> int | None:
    """Let any agent with all of the job's tags run it. Tags ignore case.

    So does GitHub.
    """
    asked = {name.lower() for name in job}
    offered = {name.lower() for name in pool}
    return len(offered - asked) if asked <= offered else None


def match_labels(job: Labels, pool: Labels) -> int | None:
    """Let a server run a job whose labels it all has, with the same values.

    This is the rule for jobs whose CI is not known, and that of Gitea and Forgejo for
    labels, which have no values (isSubset in models/actions/task.go of both). Upper and
    lower case count.
    """
    if any(pool.get(name) != value for name, value in job.items()):
        return None
    return len(pool) - len(job)


def list_missing(job: Labels, pool: Labels) -> list[str]:
    """Return which labels of a job a pool lacks, as people write them."""
    return [
        f"{name}={value}" if value else name
        for name, value in sorted(job.items())
        if pool.get(name) != value
    ]


def list_missing_tags(job: Labels, pool: Labels) -> list[str]:
    """Return which tags of a job a pool lacks. Tags ignore case."""
    offered = {name.lower() for name in pool}
    return sorted(name for name in job if name.lower() not in offered)
