"""The part of an account's test that needs no template: reach, listing and quota."""

from servers.clouds.catalogue import Quota
from servers.clouds.port import TellsQuotas
from servers.models import Fleet
from servers.operations.visits import Check, Finding, Visit, leave_out
from servers.outgoing.errors import CallError, RefusedError
from servers.placing.call_slots import BusyError
from servers.wording import count_of


def probe_listing(visit: Visit) -> list[Finding]:
    """Test whether the cloud answers, takes the credentials and lists our instances."""
    shown = ""

    def ask_identity() -> str:
        nonlocal shown
        shown = visit.ask(lambda left: visit.cloud.fetch_identity(deadline=left))
        return "The cloud answers."

    reached = visit.find_out(ask_identity, advise=_advise, check=Check.REACH)
    region = visit.region
    if not reached.works:
        if visit.silent:
            return [reached]
        answers = Finding(region, True, "The cloud answers.", check=Check.REACH)
        refused = Finding(region, False, reached.message, check=Check.CREDENTIALS)
        return [answers, refused]
    listing, identity = _probe_list(visit, shown)
    if wrong := _explain_identity(visit.account.identity, identity):
        told = Finding(region, False, wrong, check=Check.CREDENTIALS)
    else:
        whose = f" They belong to {identity}." if identity else ""
        said = f"The credentials are accepted.{whose}"
        told = Finding(region, True, said, check=Check.CREDENTIALS)
    return [reached, told, listing]


def _probe_list(visit: Visit, identity: str) -> tuple[Finding, str]:
    """Return the finding, and the account's identity as the listing shows it."""
    fleet = Fleet.objects.get().fleet_id

    def list_ours() -> str:
        nonlocal identity
        listing = visit.ask(
            lambda left: visit.cloud.list_instances(fleet, deadline=left)
        )
        identity = listing.identity or identity
        live = sum(instance.live for instance in listing.instances)
        ours = count_of(live, "instance")
        return f"The listing works and shows {ours} of this fleet."

    finding = visit.find_out(list_ours, advise=_advise, check=Check.LIST)
    return finding, identity


def _explain_identity(known: str, shown: str) -> str:
    if not known or not shown or shown == known:
        return ""
    return (
        f"These credentials belong to a different account ({shown}) than recorded "
        f"({known}). Use credentials for {known}, or create a new account here."
    )


def _advise(_error: RefusedError) -> str:
    # A look is refused for its credentials alone: see the port.
    return "Correct the credentials, and allow them to list instances."


def probe_quotas(visit: Visit) -> list[Finding]:
    """Return what is left of the account's quotas. Not knowing it is no failure."""
    cloud = visit.cloud
    if not isinstance(cloud, TellsQuotas):
        why = "The quota was not tested, because this kind of cloud does not tell it."
        return [leave_out(visit.region, why, Check.QUOTA)]
    try:
        quotas = visit.ask(lambda left: cloud.list_quotas(deadline=left))
    except (CallError, BusyError) as error:
        said = error.message if isinstance(error, CallError) else ""
        why = f"The quota was not tested. {said}".rstrip()
        return [leave_out(visit.region, why, Check.QUOTA)]
    if not quotas:
        said = "The cloud tells no limit."
        return [Finding(visit.region, True, said, check=Check.QUOTA)]
    return [_describe_quota(visit.region, quota) for quota in quotas]


def _describe_quota(region: str, quota: Quota) -> Finding:
    limit = f"{quota.limit:g} {quota.unit}"
    if quota.used is None:
        said = f"{quota.name}: at most {limit}. How much is used is not known."
        return Finding(region, quota.limit > 0, said, check=Check.QUOTA)
    left = max(0.0, quota.limit - quota.used)
    said = f"{quota.name}: {quota.used:g} of {limit} are used, so {left:g} are left."
    if left:
        return Finding(region, True, said, check=Check.QUOTA)
    advice = "Request a higher quota, or destroy instances that you don't need."
    return Finding(region, False, f"{said} {advice}", check=Check.QUOTA)
