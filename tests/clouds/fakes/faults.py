"""What goes wrong with a fake's next requests, as a test asks for it."""

import threading

from tests.clouds.fakes.wire import HTML, Fault, Request, Response

# Why a fake refuses; each has its own words in each cloud.
TROUBLES = (
    *("unauthorized", "expired", "forbidden", "throttled", "failing", "missing"),
    *("no_capacity", "quota", "bad_image", "protected"),
)
NO_REQUEST = Request("", "", "", "", {}, {}, {}, b"", "", 0)


class Faults:
    """The knobs of a fake. Each counts down with the requests that it meets."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.faults: list[Fault] = []
        self.no_capacity = 0  # the next creates that find none
        self.quota = 0  # the next creates that are over the quota

    def refuse(self, why: str, request: Request) -> Response:
        """Return the cloud's answer for one of TROUBLES."""
        raise NotImplementedError

    def throttle(
        self, times: int = 1, *, role: str = "", retry_after: int | None = None
    ) -> None:
        """Throttle the next requests, with or without Retry-After."""
        headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
        said = self.refuse("throttled", NO_REQUEST)
        said = Response(said.status, said.body, {**said.headers, **headers})
        self.faults.append(Fault(times, role, before=said))

    def fail(
        self,
        times: int = 1,
        *,
        role: str = "",
        status: int = 503,
        html: bool = False,
        after: bool = False,
        skip: int = 0,
    ) -> None:
        """Answer 5xx, with the cloud's own JSON or a gateway's HTML."""
        body = HTML if html else self.refuse("failing", NO_REQUEST).body
        headers = {"Content-Type": "text/html"} if html else {}
        answer = Response(status, body, headers)
        fault = Fault(times, role, skip=skip)
        if after:
            fault.after = answer
        else:
            fault.before = answer
        self.faults.append(fault)

    def hang(self, times: int = 1, *, role: str = "", after: bool = False) -> None:
        """Never answer the next requests, before or after their effect."""
        fault = Fault(times, role, hangs_before=not after, hangs_after=after)
        self.faults.append(fault)

    def cut(self, times: int = 1, *, role: str = "") -> None:
        """End the connection in the middle of the next answers, after the effect."""
        self.faults.append(Fault(times, role, cuts=True))

    def answer(self, response: Response, times: int = 1, *, role: str = "") -> None:
        """Give this answer to the next requests, without an effect."""
        self.faults.append(Fault(times, role, before=response))

    def take(self, knob: str) -> bool:
        """Tell whether the next create fails by ``knob``, and count it."""
        with self.lock:
            left = getattr(self, knob)
            setattr(self, knob, max(0, left - 1))
            return bool(left)

    def take_fault(self, role: str) -> Fault | None:
        """Return what goes wrong with a request of this role, and count it."""
        for fault in self.faults:
            if fault.role in {"", role}:
                if fault.skip:
                    fault.skip -= 1
                    continue
                fault.times -= 1
                if fault.times <= 0:
                    self.faults.remove(fault)
                return fault
        return None
