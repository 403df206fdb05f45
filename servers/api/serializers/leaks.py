"""The proof that nothing leaks, and decisions about what needs one."""

from typing import ClassVar

from servers.api.serializers.base import Shape
from servers.api.serializers.fields import Age, Choice, Count, Flag, Seconds, Text
from servers.api.serializers.history import KINDS
from servers.api.serializers.servers import AT
from servers.lifecycle.states import Verdict


class FindingSerializer(Shape):
    """An instance that no server owns."""

    key = Count(
        source="instance.pk",
        min_value=1,
        help_text="The key for `adopt` and `destroy`.",
    )
    id = Text(source="instance.instance_id")
    name = Text(source="instance.name")
    verdict = Choice(source="instance.verdict", choices=list(Verdict))
    status = Text(
        source="instance.raw_status", help_text="Its state in the cloud's own terms."
    )
    age = Age()
    outside = Flag(help_text="Whether it is older than the bound.")
    next = Text()
    waits = Flag(help_text="Whether a person must decide.")
    under_way = Flag(
        source="is_under_way",
        help_text="Whether it was decided, and its destruction is yet to be confirmed.",
    )


class UnconfirmedSerializer(Shape):
    """A terminated server that is not confirmed gone yet."""

    name = Text(source="server.name")
    age = Age()
    outside = Flag()
    waiting = Text(source="server.waiting")


class LeftoverSerializer(Shape):
    """What a terminated instance left."""

    key = Count(source="leftover.pk", min_value=1, help_text="The key for `delete`.")
    id = Text(source="leftover.resource_id")
    kind = Text(source="leftover.kind")
    detail = Text(source="leftover.detail")
    age = Age()
    outside = Flag()
    next = Text()
    waits = Flag()


class CountsSerializer(Shape):
    """How many there are. Each list shows only the oldest hundred."""

    instances = Count(
        source="unowned.total", help_text="Live instances that no server owns."
    )
    instances_outside = Count(
        source="unowned.outside", help_text="Of these, those older than the bound."
    )
    waits = Count(source="waiting", help_text="Of these, those that need a decision.")
    unconfirmed = Count(
        source="ending.total", help_text="Terminated servers not yet confirmed gone."
    )
    unconfirmed_outside = Count(source="ending.outside")
    leftovers = Count(
        source="left.total", help_text="Leftovers of terminated instances."
    )
    leftovers_outside = Count(source="left.outside")


class LocationReportSerializer(Shape):
    """The comparison of one location with the database."""

    account = Text(source="location.account.name")
    region = Text(source="location.region")
    clean = Flag(source="is_clean")
    compared = Seconds(
        "When the cloud was last compared with the database.",
        source="location.compared_at",
    )
    fresh = Flag(
        source="is_fresh",
        help_text="Whether that is recent enough to prove anything.",
    )
    error = Text(source="location.error")
    bound = Age()
    live = Count()
    owned = Count()
    held = Count(
        source="location.held",
        help_text="Instances that need a decision because there are so many.",
    )
    counts = CountsSerializer(source="*")
    findings = FindingSerializer(many=True)
    unconfirmed = UnconfirmedSerializer(many=True)
    leftovers = LeftoverSerializer(many=True)

    example: ClassVar = {
        "account": "sandbox",
        "clean": True,
        "compared": AT,
        "fresh": True,
        "bound": 76,
        "live": 3,
        "owned": 3,
        "findings": [],
        "unconfirmed": [],
        "leftovers": [],
    }


class DecisionSerializer(Shape):
    """What happened to an instance or a leftover."""

    at = Seconds("When it happened.")
    kind = Choice(choices=KINDS)
    account = Text(source="account.name", default="")
    server = Text(source="server_name")
    actor = Text()
    reason = Text()


class LeaksSerializer(Shape):
    """The proof."""

    clean = Flag(
        source="report.is_clean",
        help_text="Whether it is known that nothing is outside the bound.",
    )
    at = Seconds("When the report was created.", source="report.at")
    scopes = LocationReportSerializer(source="report.locations", many=True)
    history = DecisionSerializer(many=True)

    example: ClassVar = {"clean": True, "at": AT, "history": []}


class PlaceSerializer(Shape):
    """A location."""

    account = Text()
    region = Text(required=False, allow_blank=True)

    body: ClassVar = {"account": "sandbox", "region": ""}


class CondemnedSerializer(Shape):
    """How many instances will be destroyed."""

    condemned = Count()

    example: ClassVar = {"condemned": 7}


class AdoptionSerializer(Shape):
    """The template of an adopted instance."""

    template = Text(
        required=False,
        allow_blank=True,
        help_text="A template's name. Defaults to the default template.",
    )

    may_be_empty = True
    body: ClassVar = {"template": "default"}
