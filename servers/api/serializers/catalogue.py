"""What a location offers."""

from typing import ClassVar

from servers.api.serializers.base import Shape
from servers.api.serializers.fields import Array, Count, Flag, Price, Seconds, Text
from servers.api.serializers.servers import AT


class ImageSerializer(Shape):
    """An image, by the id that a template takes."""

    id = Text(source="image_id")
    name = Text()
    architecture = Text(help_text="Empty if the cloud doesn't tell.")
    created = Text(help_text="As the cloud writes it; empty if it doesn't tell.")
    owner = Text(help_text="As an image by rule names it; empty if unknown.")

    example: ClassVar = {
        "id": "debian-12",
        "name": "debian-12",
        "architecture": "",
        "created": "",
        "owner": "sandbox",
    }


class SizeSerializer(Shape):
    """A size."""

    name = Text()
    cores = Count(help_text="0 if the cloud doesn't tell.")
    memory_mib = Count(help_text="0 if the cloud doesn't tell.")
    price_per_hour = Price(
        allow_null=True, help_text="In `currency`; null if it is unknown."
    )
    currency = Text(help_text="Empty if the price is unknown.")

    example: ClassVar = {
        "name": "small",
        "cores": 2,
        "memory_mib": 4096,
        "price_per_hour": "0.0425",
        "currency": "USD",
    }


class DoubtSerializer(Shape):
    """An image or size of a template that the cloud no longer has."""

    template = Text(source="placement.template.name")
    what = Text(help_text="`image` or `size`.")
    value = Text(help_text="What the template names.")
    like = Text(
        source="like.image_id",
        default="",
        help_text="The newest image that looks alike, if there is one.",
    )
    message = Text(source="sentence")

    example: ClassVar = {
        "template": "large",
        "what": "image",
        "value": "debian-11",
        "like": "debian-12",
        "message": "sandbox no longer has the image debian-11. The newest image that "
        "looks alike is debian-12.",
    }


class CatalogueSerializer(Shape):
    """What a location offers, as its cloud last told."""

    account = Text(source="offers.account.name")
    region = Text(source="offers.region")
    taken = Seconds("When the cloud told this.", source="offers.taken_at")
    stale = Flag(
        help_text="Whether it is old, or there is none yet. Workers renew it each hour."
    )
    error = Text(
        source="offers.error", help_text="Why it could not be renewed; mostly empty."
    )
    regions = Array(child=Text(), help_text="Regions that contain the words.")
    images = ImageSerializer(many=True, help_text="Images that contain the words.")
    sizes = SizeSerializer(many=True, help_text="Sizes that contain the words.")
    total_images = Count(help_text="How many images contain the words.")
    total_sizes = Count(help_text="How many sizes contain the words.")
    gaps = Array(
        source="offers.gaps",
        child=Text(),
        help_text="A sentence for each list that is not whole.",
    )
    missing = DoubtSerializer(
        many=True, help_text="What templates name here that the cloud no longer has."
    )

    example: ClassVar = {
        "account": "sandbox",
        "taken": AT,
        "stale": False,
        "regions": [],
        "total_images": 1,
        "total_sizes": 1,
        "gaps": [],
    }
