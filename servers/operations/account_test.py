"""Test whether an account and its templates work, with findings for people.

A test creates, destroys and saves nothing. It also works for an account or template
that is not saved yet, with the credentials that it has.
"""

import json
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from servers.clouds.base import CreateSpec, NoCapacityError, QuotaError
from servers.clouds.images import is_rule, resolve_rule
from servers.clouds.registry import describe_kind
from servers.errors import FleetError, InvalidError
from servers.lifecycle.keys import make_key
from servers.models import Account, Fleet, Template, TemplatePlacement
from servers.operations.account_reach import probe_listing, probe_quotas
from servers.operations.accounts import check_settings
from servers.operations.visits import Check, Finding, Visit, leave_out, take_place
from servers.outgoing.errors import CredentialsError, RefusedError

MAX_SECONDS_IN_ALL: Final = 20.0
MAX_REGIONS: Final = 5
MAX_PLACES: Final = 5


def probe_account(
    account: Account, *, credentials: Mapping[str, str] | None = None
) -> list[Finding]:
    """Test in each region in use everything that the account needs; change nothing.

    That is whether the cloud answers, the credentials, a listing, what is left of the
    quota, the images, sizes and networks of the account's templates, and the rights to
    tag, to create and to destroy: one finding each. The account need not be saved. At
    most MAX_REGIONS regions, each within visits.MAX_SECONDS, all within
    MAX_SECONDS_IN_ALL.

    ``credentials`` are used instead of the account's own. Raise InvalidError if they
    don't fit its other settings. Raise UnavailableError while visits.MAX_AT_ONCE
    others are running in this process.
    """
    if credentials is not None:
        account.credentials = json.dumps(dict(credentials))
        if errors := check_settings(account, credentials):
            raise InvalidError.of(errors)
    if wrong := _explain_settings(account):
        return [Finding(account.region, False, wrong)]
    places = _list_places(account)
    used = account.locations.order_by("region").values_list("region", flat=True)
    # First the region that was just entered.
    regions = [account.region] if account.region else []
    regions += [place.region for place in places] + list(used[:MAX_REGIONS])
    ends = time.monotonic() + MAX_SECONDS_IN_ALL
    findings = []
    with take_place():
        for region in list(dict.fromkeys(regions or [account.region]))[:MAX_REGIONS]:
            here = [place for place in places if place.region == region]
            try:
                findings += _probe_region(Visit(account, region, ends=ends), here)
            except FleetError as error:
                findings.append(Finding(region, False, error.message))
    return findings


def probe_template(
    template: Template, placements: Sequence[TemplatePlacement]
) -> list[Finding]:
    """Test for each placement of a template whether servers can be created.

    Creates none. The template need not be saved. At most MAX_PLACES, each within
    visits.MAX_SECONDS, all within MAX_SECONDS_IN_ALL.
    """
    ends = time.monotonic() + MAX_SECONDS_IN_ALL
    findings = []
    with take_place():
        for place in placements[:MAX_PLACES]:
            findings += _probe_placement(template, place, ends=ends)
    findings += [
        leave_out(
            place.region,
            f"The fallback on {place.size} in {place.account.name} was not "
            f"tested, because a test covers at most {MAX_PLACES} choices.",
        )
        for place in placements[MAX_PLACES:]
    ]
    return findings


def _explain_settings(account: Account) -> str:
    """Return what is wrong with the settings, or "". Makes no call."""
    errors = check_settings(account, json.loads(account.credentials or "{}"))
    return " ".join(message for messages in errors.values() for message in messages)


def _list_places(account: Account) -> list[TemplatePlacement]:
    """Return where templates create servers in the account."""
    return list(
        TemplatePlacement.objects.filter(account=account.pk)
        .select_related("template")
        .order_by("template__name", "position")[:MAX_PLACES]
    )


def _probe_region(visit: Visit, places: list[TemplatePlacement]) -> list[Finding]:
    findings = probe_listing(visit)
    if not all(finding.works for finding in findings):
        why = "Creating and destroying were not tested, because listing failed."
        return [*findings, leave_out(visit.region, why, Check.CREATE)]
    findings += probe_quotas(visit)
    for place in places:
        name = f"{place.template.name or 'The template'} on {place.size}"
        findings += (
            [visit.skip(name, Check.CREATE)]
            if visit.silent
            else _probe_place(visit, place.template, place)
        )
    if not places:
        why = (
            "Creating was not tested, because no template of this account creates "
            "servers here."
        )
        findings.append(leave_out(visit.region, why, Check.CREATE))
    findings.append(
        visit.skip("Destroying", Check.DESTROY)
        if visit.silent
        else _probe_destroy(visit)
    )
    return list(dict.fromkeys(findings))  # templates have images in common


def _probe_placement(
    template: Template, place: TemplatePlacement, *, ends: float
) -> list[Finding]:
    account = place.account
    if wrong := _explain_settings(account):
        return [Finding(place.region, False, f"{account.name}: {wrong}")]
    try:
        return _probe_place(Visit(account, place.region, ends=ends), template, place)
    except FleetError as error:
        return [Finding(place.region, False, error.message)]


def _probe_place(
    visit: Visit, template: Template, place: TemplatePlacement
) -> list[Finding]:
    """Return a finding for each part of a placement's create call, and for the call."""
    asked = _render_spec(template, place)
    spec = asked
    untested: tuple[str, ...] = ()

    def check() -> str:
        nonlocal spec, untested
        spec = visit.ask(lambda left: _resolve_image(visit, asked, deadline=left))
        untested = visit.ask(lambda left: visit.cloud.check_create(spec, deadline=left))
        return f"creating {spec.image} on {spec.size} is allowed."

    found = visit.find_out(check, advise=_advise_create, check=Check.CREATE)
    found = replace(found, message=f"{spec.name}: {found.message}")
    if not found.works:
        if found.check == Check.CREATE:
            return [found]
        why = f"{spec.name}: creating was not tested, because its {found.check} failed."
        return [found, leave_out(visit.region, why, Check.CREATE)]
    left_out = {getattr(each, "about", ""): each for each in untested}
    parts = [
        leave_out(visit.region, f"{spec.name}: {left_out[part]}", part)
        if part in left_out
        else Finding(visit.region, True, words, check=part)
        for part, words in _list_parts(spec).items()
    ]
    parts += [
        leave_out(visit.region, f"{spec.name}: {words}", Check.CREATE)
        for about, words in left_out.items()
        if not about
    ]
    return [*parts, found]


def _list_parts(spec: CreateSpec) -> dict[str, str]:
    """Return what was tested with a create call that is allowed, in words."""
    parts = {
        Check.IMAGE: f"The image {spec.image} exists.",
        Check.SIZE: f"The size {spec.size} exists.",
        Check.NETWORK: f"{spec.name}: its network settings are accepted.",
        Check.TAGS: f"{spec.name}: its labels may become tags.",
    }
    if spec.ssh_key:
        parts[Check.KEY] = f"The SSH key {spec.ssh_key} exists."
    return {str(part): words for part, words in parts.items()}


def _resolve_image(visit: Visit, spec: CreateSpec, *, deadline: float) -> CreateSpec:
    """Return the spec with the image that its rule means now, if it has one."""
    if not is_rule(spec.image):
        return spec
    can = describe_kind(visit.account.kind).capabilities
    found = resolve_rule(visit.cloud, can, spec.image, deadline=deadline)
    return replace(spec, image=found.image_id)


def _probe_destroy(visit: Visit) -> Finding:
    def check() -> str:
        visit.ask(lambda left: visit.cloud.check_destroy(deadline=left))
        return "These credentials may destroy instances."

    return visit.find_out(
        check,
        advise=lambda error: (
            "Allow these credentials to destroy instances. If a policy allows it only "
            "for some instances, try a template to be sure."
            if isinstance(error, CredentialsError)
            else "As long as it is refused, servers are not terminated."
        ),
        check=Check.DESTROY,
    )


def _render_spec(template: Template, place: TemplatePlacement) -> CreateSpec:
    """Return a create call like the engine's, for a server that is never created."""
    server = uuid.uuid4()
    fleet = Fleet.objects.get().fleet_id
    return CreateSpec(
        key=str(make_key(fleet, server, 1)),
        token=uuid.uuid4().hex,
        fleet=fleet,
        server_id=server.hex,
        name=template.name or "The template",
        image=place.image,
        size=place.size,
        # Only of the same length: a person may test a template without seeing its data.
        user_data="#" * len(template.user_data.encode()),
        ssh_key=place.ssh_key,
        labels=template.labels,
        options=place.options,
        spot=place.spot,
    )


def _advise_create(error: RefusedError) -> str:
    match error:
        case CredentialsError():
            return "Allow these credentials to create such instances."
        case QuotaError():
            return "Request a higher quota, or destroy instances that you don't need."
        case NoCapacityError():
            return "Choose another size or region, or name a fallback."
        case _:
            return "Correct the template."
