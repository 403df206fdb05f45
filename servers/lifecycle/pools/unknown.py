"""When nothing is known of a pool's demand, so that its plan changes nothing."""

from typing import Final

from servers.lifecycle.pools.demand import Demand
from servers.lifecycle.pools.memo import Memo
from servers.lifecycle.pools.policy import Policy

MAX_AHEAD: Final = 5.0  # seconds by which a clock may be set back unnoticed


def explain_unknown(
    demand: Demand | None, memo: Memo, policy: Policy, now: float
) -> str:
    """Return why nothing is known of the demand, or "".

    The same for as long as it is so: plans that say the same are one line of the log.
    """
    if demand is None:
        return "The queue has not shown its jobs yet. Nothing changes until it does."
    if not demand.complete:
        return (
            "The queue showed only a part of its jobs. Nothing changes until it "
            "shows all of them."
        )
    if demand.at > now + MAX_AHEAD:  # nobody knows how old it is
        return (
            "The clock was set back since the queue's last answer. Nothing changes "
            "until the next one."
        )
    if demand.at < memo.seen_at:
        return (
            "The queue's answer is older than the one before. Nothing changes "
            "until a newer one comes."
        )
    if now >= find_end(demand, policy):
        if demand.until is not None:
            return (
                "What was last pushed to the queue has expired. Nothing changes until "
                "the next push."
            )
        return (
            f"The queue's last answer is more than {policy.stale:g} s old. Nothing "
            "changes until a new one comes."
        )
    return ""


def find_end(demand: Demand, policy: Policy) -> float:
    """Return from when on the demand counts as unknown."""
    return demand.at + policy.stale if demand.until is None else demand.until
