"""Ask clouds whether an account and its templates work, in words for a person.

Nothing is made, ended or saved, and an account or template that is not saved yet is
asked about like any other, with the credentials that it holds.
"""

import json
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Final, TypeVar

from servers.candidates import Candidate, list_candidates
from servers.clouds.base import (
    CloudError,
    CreateSpec,
    CredentialsError,
    NoCapacityError,
    QuotaError,
    RefusedError,
    UnreachableError,
)
from servers.clouds.registry import validate_config
from servers.errors import FleetError, InvalidError, UnavailableError
from servers.lifecycle.keys import make_key
from servers.models import Account, Fleet, Template
from servers.scopes import BusyError, call_slot, open_scope

# A person waits for the answer, and the web process has few threads: so no more than
# this many hold one of them at once.
MOST_AT_ONCE: Final = 2
MOST_SECONDS: Final = 10.0  # for a region
MOST_SECONDS_IN_ALL: Final = 20.0
MOST_REGIONS: Final = 5
MOST_TEMPLATES: Final = 5
MOST_PLACES: Final = 5

_Answer = TypeVar("_Answer")
_places = threading.BoundedSemaphore(MOST_AT_ONCE)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was asked of a region, and what was learned.

    Where ``tested`` is False nothing was, and ``message`` says why: so it neither works
    nor fails. ``is_refusal``: the cloud refused what the template names.
    """

    region: str
    works: bool
    message: str
    tested: bool = True
    is_refusal: bool = False

    @property
    def outcome(self) -> str:
        """One of ``works``, ``fails``, ``untested``."""
        if not self.tested:
            return "untested"
        return "works" if self.works else "fails"


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a template has its servers made, and how large."""

    template: Template
    region: str
    size: str


class _Visit:
    """The calls to one region, within its share of the time.

    ``silent`` from the first one on that got no answer: the next would get none, too.
    """

    def __init__(self, account: Account, region: str, *, ends: float) -> None:
        self.account = account
        self.region = region
        self.cloud = open_scope(account, region)
        self.ends = min(ends, time.monotonic() + MOST_SECONDS)
        self.silent = False

    def ask(self, call: Callable[[float], _Answer]) -> _Answer:
        """Make a call, which is given its deadline."""
        left = self.ends - time.monotonic()
        if left <= 0:
            raise UnreachableError("There was no time left to ask.")
        with call_slot(self.account):
            return call(min(left, self.cloud.timings.call))

    def find_out(
        self, probe: Callable[[], str], *, advise: Callable[[RefusedError], str]
    ) -> Finding:
        """Return what ``probe`` says, or what forbids it and what to do about it."""
        try:
            return Finding(self.region, True, probe())
        except RefusedError as error:
            advice = advise(error)
            # Rights, quota and capacity are no fault of what was typed.
            others = CredentialsError | QuotaError | NoCapacityError
            return Finding(
                self.region,
                False,
                f"{error.message} {advice}",
                is_refusal=not isinstance(error, others),
            )
        except CloudError as error:
            words = error.message
        except BusyError:
            words = "Too many calls are under way."
        self.silent = True
        return Finding(self.region, False, f"{words} Test again.")

    def skip(self, what: str) -> Finding:
        """Return that something was not tested, since the cloud doesn't answer."""
        return Finding(
            self.region,
            False,
            f"{what} was not tested, because the call before got no answer.",
            tested=False,
        )


@contextmanager
def _take_place() -> Iterator[None]:
    if not _places.acquire(blocking=False):
        raise UnavailableError(
            "Other tests are under way. Test again in a few seconds."
        )
    try:
        yield
    finally:
        _places.release()


def probe_account(
    account: Account, *, credentials: Mapping[str, str] | None = None
) -> list[Finding]:
    """Ask each region in use for all that the account needs; change nothing.

    ``credentials`` are tried instead of those that it has; InvalidError where its
    settings are not what its kind needs with them.

    That is a listing, the images and sizes of the account's templates, and the rights
    to create and to destroy. The account need not be saved. At most MOST_REGIONS
    regions, each within MOST_SECONDS, all within MOST_SECONDS_IN_ALL. UnavailableError
    while MOST_AT_ONCE others are under way in this process.
    """
    if credentials is not None:
        account.credentials = json.dumps(dict(credentials))
        if errors := _check_settings(account):
            name, texts = next(iter(errors.items()))
            raise InvalidError(f"{name}: {texts[0]}", fields=errors)
    if wrong := _explain_settings(account):
        return [Finding(account.region, False, wrong)]
    places = _list_places(account)
    used = account.scopes.order_by("region").values_list("region", flat=True)
    # First the one that was just typed.
    regions = [account.region] if account.region else []
    regions += [place.region for place in places] + list(used[:MOST_REGIONS])
    ends = time.monotonic() + MOST_SECONDS_IN_ALL
    findings = []
    with _take_place():
        for region in list(dict.fromkeys(regions or [account.region]))[:MOST_REGIONS]:
            here = [place for place in places if place.region == region]
            try:
                findings += _probe_region(_Visit(account, region, ends=ends), here)
            except FleetError as error:
                findings.append(Finding(region, False, error.message))
    return findings


def probe_template(template: Template) -> list[Finding]:
    """Ask each place of a template whether its servers can be made; make none.

    The template need not be saved. At most MOST_PLACES places, each within
    MOST_SECONDS, all within MOST_SECONDS_IN_ALL.
    """
    ends = time.monotonic() + MOST_SECONDS_IN_ALL
    candidates = list_candidates(template)
    findings = []
    with _take_place():
        for candidate in candidates[:MOST_PLACES]:
            findings += _probe_candidate(template, candidate, ends=ends)
    findings += [
        Finding(
            candidate.region,
            False,
            f"The fallback on {candidate.size} in {candidate.account_name} was not "
            f"tested: a test asks for {MOST_PLACES} places at most.",
            tested=False,
        )
        for candidate in candidates[MOST_PLACES:]
    ]
    return findings


def _explain_settings(account: Account) -> str:
    """Return what is wrong with the settings before any call is made, or ""."""
    errors = _check_settings(account)
    return " ".join(message for messages in errors.values() for message in messages)


def _check_settings(account: Account) -> dict[str, list[str]]:
    return validate_config(
        account.kind,
        credentials=json.loads(account.credentials or "{}"),
        endpoint=account.endpoint,
        region=account.region,
        options=account.options,
    )


def _list_places(account: Account) -> list[_Place]:
    """Return where the account's own templates place servers in it."""
    templates = Template.objects.filter(account_id=account.pk).order_by("name")
    places = []
    for template in templates[:MOST_TEMPLATES]:
        template.account = account
        places += [
            _Place(template, candidate.region, candidate.size)
            for candidate in list_candidates(template)
            if candidate.account == account
        ]
    return list(dict.fromkeys(places))[:MOST_PLACES]


def _probe_region(visit: _Visit, places: list[_Place]) -> list[Finding]:
    findings = [_probe_listing(visit)]
    if not findings[0].works:
        findings.append(
            Finding(
                visit.region,
                False,
                "Creating and destroying were not tested, because listing failed.",
                tested=False,
            )
        )
        return findings
    for place in places:
        findings += (
            [visit.skip(f"{place.template.name or 'The template'} on {place.size}")]
            if visit.silent
            else _probe_place(visit, place)
        )
    if not places:
        findings.append(
            Finding(
                visit.region,
                False,
                "Creating was not tested, because no template of this account names "
                "an image and a size here.",
                tested=False,
            )
        )
    findings.append(visit.skip("Destroying") if visit.silent else _probe_destroy(visit))
    return findings


def _probe_candidate(
    template: Template, candidate: Candidate, *, ends: float
) -> list[Finding]:
    account = candidate.account
    if account is None:
        wrong = f"There is no account {candidate.account_name}. Correct the fallback."
        return [Finding(candidate.region, False, wrong)]
    if wrong := _explain_settings(account):
        return [Finding(candidate.region, False, f"{account.name}: {wrong}")]
    place = _Place(template, candidate.region, candidate.size)
    try:
        return _probe_place(_Visit(account, place.region, ends=ends), place)
    except FleetError as error:
        return [Finding(place.region, False, error.message)]


def _probe_listing(visit: _Visit) -> Finding:
    fleet = Fleet.objects.get().fleet_id
    identity = visit.account.identity
    shown = ""

    def list_ours() -> str:
        nonlocal shown
        shown = visit.ask(lambda left: visit.cloud.fetch_identity(deadline=left))
        listing = visit.ask(
            lambda left: visit.cloud.list_instances(fleet, deadline=left)
        )
        shown = listing.identity or shown
        live = sum(instance.live for instance in listing.instances)
        whose = f" of {shown}" if shown else ""
        return f"The listing{whose} works and shows {live} of our instances."

    finding = visit.find_out(list_ours, advise=_advise_listing)
    if finding.works and identity and shown and shown != identity:
        return Finding(
            visit.region,
            False,
            f"These credentials lead to another account ({shown}) than the one "
            f"recorded ({identity}). Use credentials of that one, or make another "
            "account here.",
        )
    return finding


def _probe_place(visit: _Visit, place: _Place) -> list[Finding]:
    spec = _render_spec(place)
    untested: tuple[str, ...] = ()

    def check() -> str:
        nonlocal untested
        untested = visit.ask(lambda left: visit.cloud.check_create(spec, deadline=left))
        if untested:
            return f"creating {spec.image} on {spec.size} is allowed."
        return (
            f"the image {spec.image} and the size {spec.size} exist, and creating is "
            "allowed."
        )

    finding = visit.find_out(check, advise=_advise_create)
    return [
        replace(finding, message=f"{spec.name}: {finding.message}"),
        *(
            Finding(visit.region, False, f"{spec.name}: {words}", tested=False)
            for words in untested
        ),
    ]


def _probe_destroy(visit: _Visit) -> Finding:
    def check() -> str:
        visit.ask(lambda left: visit.cloud.check_destroy(deadline=left))
        return "Nothing forbids to destroy instances."

    return visit.find_out(
        check,
        advise=lambda _error: (
            "Allow these credentials to destroy instances. Where a policy allows it "
            "for some instances alone, a try of a template tells for certain."
        ),
    )


def _render_spec(place: _Place) -> CreateSpec:
    """Return a create call like those of the engine, of a server that never is."""
    template, server = place.template, uuid.uuid4()
    fleet = Fleet.objects.get().fleet_id
    return CreateSpec(
        key=str(make_key(fleet, server, 1)),
        token=uuid.uuid4().hex,
        fleet=fleet,
        server_id=server.hex,
        name=template.name or "The template",
        image=template.image,
        size=place.size,
        # As long as its own: who tests a place need not be one who may read it.
        user_data="#" * len(template.user_data.encode()),
        ssh_key=template.ssh_key,
        labels=template.labels,
        options=template.options,
    )


def _advise_listing(error: RefusedError) -> str:
    if isinstance(error, CredentialsError):
        return "Correct the credentials, and allow them to list instances."
    return "Correct the account's settings."


def _advise_create(error: RefusedError) -> str:
    match error:
        case CredentialsError():
            return "Allow these credentials to create such instances."
        case QuotaError():
            return "Have the quota raised, or destroy what is not needed."
        case NoCapacityError():
            return "Choose another size or region, or name a fallback."
        case _:
            return "Correct the template."
