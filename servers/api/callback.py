"""``/api/callback/…``: what instances report. No session and no API token works here.

Whoever is refused learns nothing: an unknown token, a wrong secret, an old attempt and
a stopped server get the same answer, and a body that is too large is refused before
anything is looked at. Only an instance that has identified itself is told what is wrong
with its body.
"""

import math
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Final

from rest_framework.exceptions import APIException, ParseError, UnsupportedMediaType
from rest_framework.request import Request
from rest_framework.response import Response

from servers import tracing
from servers.access.rate_limits import Counter
from servers.api.shared.auth import find_bearer
from servers.api.shared.limits import (
    EXCHANGE_SECONDS,
    WINDOW_SECONDS,
    RateLimitedView,
    refusals,
)
from servers.api.shared.parsers import ORJSONParser, TooLargeError
from servers.errors import InvalidError
from servers.models import Host
from servers.operations.callback import (
    MAX_BUILDS,
    MAX_STEPS,
    REFUSED,
    Beat,
    Boot,
    Phase,
    RefusedError,
    Step,
    Told,
    check_secret,
    find_instance,
    report_beat,
    report_boot,
)

MAX_BODY_BYTES: Final = 64 * 1024
# Reports of one instance in a minute. The script sends at most thirty.
MAX_REPORTS: Final = 120
_AGENT: Final = ("running", "ended", "spent", "none")
_DOCKER: Final = ("answers", "silent", "none")

reports: Final = Counter("reports", window=WINDOW_SECONDS, every=EXCHANGE_SECONDS)


class RefusedReportError(APIException):
    """401, always with the same sentence."""

    status_code = 401
    default_detail = REFUSED
    auth_header = "Bearer"


class TooLargeReportError(APIException):
    """413, whoever sent it."""

    status_code = 413
    default_detail = (
        f"The report is too large. Send at most {MAX_BODY_BYTES // 1024} KiB."
    )


class ReportParser(ORJSONParser):
    """Parses the report of an instance."""

    most = MAX_BODY_BYTES


class ReportView(RateLimitedView):
    """What both kinds of report share: who is heard, and how often."""

    authentication_classes = ()
    permission_classes = ()
    parser_classes = (ReportParser,)
    schema = None  # for instances, not for clients: docs/callback.md
    is_limited: ClassVar[bool] = False  # before the instance is known

    def post(self, request: Request) -> Response:
        """Record a report."""
        if int(request.META.get("CONTENT_LENGTH") or 0) > MAX_BODY_BYTES:
            self._take_of_stranger(request, refusals)
            raise TooLargeReportError
        try:
            host, data = self._identify(request)
            told = self.record(host, data)
        except RefusedError:
            self._take_of_stranger(request, refusals)
            raise RefusedReportError from None
        return Response(
            {"cordon": told.cordon, "drain": told.drain, "again": told.again}
        )

    def record(self, host: Host, data: Mapping[str, Any]) -> Told:
        """Record what the body says."""
        raise NotImplementedError

    def _identify(self, request: Request) -> tuple[Host, Mapping[str, Any]]:
        """Return the instance's record, and the body without checking the rest."""
        token = find_bearer(request.META.get("HTTP_AUTHORIZATION", ""))
        host = find_instance(token)
        try:
            data = request.data
        except TooLargeError:  # sent in chunks, without its length
            raise TooLargeReportError from None
        except (ParseError, UnsupportedMediaType):
            raise RefusedError from None
        assert isinstance(data, dict)  # the parser accepts nothing else
        secret = data.get("secret")
        check_secret(host, secret if isinstance(secret, str) else "")
        self._take(reports, str(host.pk), MAX_REPORTS)
        tracing.set_actor(f"instance:{host.server.name}")
        return host, data


class BootReport(ReportView):
    """``POST /api/callback/boot``."""

    def record(self, host: Host, data: Mapping[str, Any]) -> Told:
        """Record a report of the boot."""
        body = _Body(data, "secret", "phase", "steps", "log")
        boot = Boot(
            phase=body.read("phase", _read_phase, None),
            steps=body.read("steps", _read_steps, ()),
            log=body.read("log", _read_log, ""),
        )
        return report_boot(host, data["secret"], boot)


class Heartbeat(ReportView):
    """``POST /api/callback/heartbeat``."""

    def record(self, host: Host, data: Mapping[str, Any]) -> Told:
        """Record a heartbeat."""
        body = _Body(data, "secret", "agent", "builds", "docker", "drained")
        agent = body.read("agent", _read_agent, "none")
        beat = Beat(
            builds=body.read("builds", _read_builds, ()),
            drained=body.read("drained", _read_flag, False),
            agent=agent != "ended",
            spent=agent == "spent",
            docker=body.read("docker", _read_docker, "none") != "silent",
        )
        return report_beat(host, data["secret"], beat)


class _Body:
    """The fields of a report. Each is checked when it is read."""

    def __init__(self, data: Mapping[str, Any], *names: str) -> None:
        self.data = data
        unknown = [name for name in data if name not in names]
        if unknown:
            known = ", ".join(names)
            raise InvalidError.of(
                {unknown[0][:100]: [f"Unknown field. Use any of {known}."]}
            )

    def read(self, name: str, check: Callable[[Any], Any], missing: Any) -> Any:
        """Return a field as ``check`` reads it. Raise InvalidError."""
        if name not in self.data and missing is not None:
            return missing
        try:
            return check(self.data.get(name))
        except ValueError as error:
            raise InvalidError.of({name: [str(error)]}) from None


def _read_phase(value: Any) -> Phase:
    if value not in list(Phase):
        raise ValueError(f"Send one of {', '.join(Phase)}.")
    return Phase(value)


def _read_number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("Send a number of seconds.")
    if not math.isfinite(value) or abs(value) > 1e12:
        raise ValueError("Send a number of seconds.")
    return float(value)


def _read_flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError("Send true or false.")
    return value


def _read_log(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("Send a string.")
    return value


def _read_agent(value: Any) -> str:
    if value not in _AGENT:
        raise ValueError(f"Send one of {', '.join(_AGENT)}.")
    return str(value)


def _read_docker(value: Any) -> str:
    if value not in _DOCKER:
        raise ValueError(f"Send one of {', '.join(_DOCKER)}.")
    return str(value)


def _read_builds(value: Any) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise ValueError("Send an array of names.")
    return value[:MAX_BUILDS]


def _read_steps(value: Any) -> list[Step]:
    if not isinstance(value, list) or not all(isinstance(each, dict) for each in value):
        raise ValueError("Send an array of objects.")
    return [_read_step(each) for each in value[:MAX_STEPS]]


def _read_step(value: Mapping[str, Any]) -> Step:
    name = value.get("name")
    if not isinstance(name, str) or set(value) - {"name", "seconds", "ok"}:
        raise ValueError("Send objects with the fields name, seconds and ok.")
    seconds = value.get("seconds")
    return Step(
        name=name,
        seconds=None if seconds is None else _read_number(seconds),
        ok=_read_flag(value.get("ok", True)),
    )
