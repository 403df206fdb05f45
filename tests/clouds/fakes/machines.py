"""The instances of a fake, and the times of all that happens to them."""

from dataclasses import dataclass, field
from typing import Any


@dataclass
class Machine:
    """One instance of a fake, with the times of all that happens to it."""

    id: str
    account: str
    name: str
    tags: dict[str, str]
    body: dict[str, Any]  # what the create call asked for
    asked: float
    effect: float
    visible: float
    boots: float | None  # when it runs; None while it is switched off
    address: str = ""
    destroyed: float | None = None  # when a destroy call was accepted
    gone: float | None = None
    failed: float | None = None
    fault: str = ""
    protected: bool = False
    raw_status: str = ""  # overrides what the times say
    extra: dict[str, Any] = field(default_factory=dict)

    def phase(self, now: float) -> str:
        """Return one of absent, booting, running, off, failed, ending and gone."""
        if now < self.effect:
            return "absent"
        if self.gone is not None and now >= self.gone:
            return "gone"
        if self.destroyed is not None:
            return "ending"
        if self.failed is not None and now >= self.failed:
            return "failed"
        if self.boots is None:
            return "off"
        return "running" if now >= self.boots else "booting"

    def shown(self, now: float) -> bool:
        """Tell whether the API shows it."""
        return now >= max(self.effect, self.visible)
