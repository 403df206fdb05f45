"""Records of instances as calls showed them. For listings, see reconciler/."""

from datetime import datetime

from servers.clouds.base import CloudInstance, Meaning
from servers.lifecycle.states import Verdict
from servers.models import Instance


def as_shown(instance: Instance) -> CloudInstance:
    """Return a record in the form in which a cloud shows an instance."""
    return CloudInstance(
        instance_id=instance.instance_id,
        key=instance.key,
        fleet="",
        name=instance.name,
        raw_status=instance.raw_status,
        meaning=Meaning(instance.meaning),
        address=instance.address,
        fault=instance.fault,
        interrupted=instance.interrupted,
    )


def record_seen(pk: int, shown: CloudInstance, *, now: datetime) -> None:
    """Record what a get by id showed: the instance exists or has ended."""
    Instance.objects.filter(pk=pk).update(
        raw_status=shown.raw_status[:64],
        live=shown.live,
        meaning=shown.meaning,
        fault=shown.fault[:1000],
        interrupted=shown.interrupted,
        missed_from=None,
        **({} if shown.live else {"gone_at": now, "verdict": Verdict.GONE}),
    )


def record_gone(pk: int, *, now: datetime) -> None:
    """Record that two listings and a get by id did not show the instance."""
    Instance.objects.filter(pk=pk).update(
        live=False,
        meaning=Meaning.GONE,
        gone_at=now,
        verdict=Verdict.GONE,
        raw_status="gone",
    )
