"""The records in a sandbox's world. Times are Unix seconds."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Row:
    """One instance in the world. Times are Unix seconds."""

    number: int
    id: str
    region: str
    name: str
    image: str
    size: str
    tags: dict[str, str]
    key: str
    sent_at: float
    made_at: float
    visible_at: float
    active_at: float | None
    moved_at: float | None
    failed_at: float | None
    stopped_at: float | None
    deleting_at: float | None
    gone_at: float | None
    forgotten_at: float | None
    off_until: float | None  # created stopped, until it is switched on
    user_data_sha256: str | None  # of what it was switched on with
    given_address: str | None  # see World.give_addresses
    interrupted_at: float | None  # when it is announced that it is taken back

    def status(self, now: float) -> str:
        """Return the sandbox's raw status of the instance at ``now``."""
        if self.gone_at is not None and now >= self.gone_at:
            return "terminated"
        if self.deleting_at is not None and now >= self.deleting_at:
            return "deleting"
        if self.failed_at is not None and now >= self.failed_at:
            return "failed"
        if self.stopped_at is not None and now >= self.stopped_at:
            return "stopped"
        if self.is_off(now):
            return "stopped" if now >= self.made_at else "provisioning"
        if self.active_at is not None and now >= self.active_at:
            return "active"
        return "booting" if now >= self.made_at else "provisioning"

    def is_off(self, now: float) -> bool:
        """Tell whether it was created stopped and is not switched on at ``now``."""
        return self.off_until is not None and now < self.off_until

    def address(self, now: float) -> str:
        """Return the instance's address, or "" if it has none."""
        if self.active_at is None or self.status(now) in {
            "provisioning",
            "booting",
            "failed",
            "stopped",
        }:
            return ""
        if self.given_address:
            return self.given_address
        number = self.number
        if self.moved_at is not None and now >= self.moved_at:
            return f"10.128.{number >> 8 & 255}.{number & 255}"
        return f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"


@dataclass(frozen=True, slots=True)
class Volume:
    """A volume that a destroyed instance left behind."""

    id: str
    region: str
    tags: dict[str, str]
