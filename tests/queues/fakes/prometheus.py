"""A Prometheus server that knows the results of some queries.

Source: prometheus.io/docs/prometheus/latest/querying/api. It evaluates no PromQL: each
query is looked up by its text. A value is looked back for by 5 min, or by what
``lookback_delta`` says, which old servers ignore.
"""

import re
from dataclasses import dataclass, field
from typing import Any

from tests.clouds.fakes.wire import Request, Response, route
from tests.queues.fakes.base import QueueFake

NOW = 1_800_000_000
LOOKBACK = 300.0


@dataclass
class Series:
    """One series: its labels, its latest value as text, and the value's age."""

    value: str
    labels: dict[str, str] = field(default_factory=dict)
    age: float = 0.0


class FakePrometheus(QueueFake):
    """Series by the query that returns them."""

    def __init__(self, *, is_old: bool = False) -> None:
        super().__init__()
        self.is_old = is_old
        self.series: dict[str, list[Series]] = {
            "pending": [Series("0")],
            "running": [Series("0")],
        }
        self.scalars: dict[str, str] = {}
        self.evaluated = float(NOW)
        self.more: dict[str, Any] = {}  # beside the data

    def add(self) -> None:
        """Let one more job wait."""
        first = self.series["pending"][0]
        first.value = str(int(first.value) + 1)

    @route("GET", "/api/v1/query", "query")
    def query(self, request: Request) -> Response:
        """Return what a query returns now."""
        text = request.ask("query")
        if text in self.scalars:
            return self._succeed("scalar", [self.evaluated, self.scalars[text]])
        if text not in self.series:
            said = 'invalid parameter "query": 1:3: parse error: unexpected end'
            body = {"status": "error", "errorType": "bad_data", "error": said}
            return Response(400, body)
        lookback = LOOKBACK
        if not self.is_old and (given := request.ask("lookback_delta")):
            units = re.fullmatch(r"(?:([0-9]+)s)?(?:([0-9]+)ms)?", given)
            if units is None:
                said = f'cannot parse "{given}" to a valid duration'
                body = {"status": "error", "errorType": "bad_data", "error": said}
                return Response(400, body)
            lookback = int(units[1] or 0) + int(units[2] or 0) / 1000
        found = [
            # The time of an instant query, and not that of the sample.
            {"metric": each.labels, "value": [self.evaluated, each.value]}
            for each in self.series[text]
            if each.age < lookback
        ]
        return self._succeed("vector", found)

    def _succeed(self, kind: str, result: Any) -> Response:
        data = {"resultType": kind, "result": result}
        return Response(200, {"status": "success", "data": data, **self.more})
