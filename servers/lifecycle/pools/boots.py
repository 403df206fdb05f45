"""Servers of a pool that fail as they boot, or soon after, one after the other.

Then creations slow down: another one would probably fail, too, and each costs money.
"""

from dataclasses import replace
from typing import Final

from servers.lifecycle.pools.growth import FAILURES
from servers.lifecycle.pools.members import Member, Phase
from servers.lifecycle.pools.memo import Memo
from servers.lifecycle.pools.policy import MINUTE

# If servers failed soon after they were ready, one that has been ready for as long
# ends the row.
PROVEN: Final = 10 * MINUTE


def note_boots(memo: Memo, members: tuple[Member, ...], now: float) -> Memo:
    """Note what is broken, and count servers in a row that failed early.

    One that succeeds ends the row. Boots that were under way at once often fail for one
    reason, and show it one after the other. So together they slow creations down, and
    only one that was begun after that slows them down further. A boot that is late has
    not failed: whoever has to judge it may be late, too.
    """
    broken = [member for member in members if member.phase is Phase.BROKEN]
    fresh = [
        member
        for member in broken
        if (member.ready_at is None or member.failed_early)
        and member.name not in memo.broken_since
    ]
    failures, failed_at, after_ready = memo.failures, memo.failed_at, memo.after_ready
    if fresh:
        is_another = any(member.created_at > failed_at for member in fresh)
        most = max(FAILURES, failures + is_another)
        failures, failed_at = min(failures + len(fresh), most), now
        after_ready = any(member.ready_at is not None for member in fresh)
    elif failures and any(_has_succeeded(each, memo, now) for each in members):
        failures = 0
    since = {each.name: memo.broken_since.get(each.name, now) for each in broken}
    return replace(
        memo,
        broken_since=since,
        failures=failures,
        failed_at=failed_at,
        after_ready=after_ready,
    )


def _has_succeeded(member: Member, memo: Memo, now: float) -> bool:
    """Tell whether a server shows that the row of failures has ended.

    If they failed only after they were ready, to be ready says little. One that has
    been in use until its end says enough.
    """
    if member.ready_at is None or member.ready_at <= memo.failed_at:
        return False
    lasted = now - member.ready_at >= PROVEN
    return not memo.after_ready or lasted or member.phase is Phase.ENDING
