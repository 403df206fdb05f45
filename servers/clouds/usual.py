"""Fields that several kinds of cloud have alike."""

from servers.outgoing.fields import Field


def disk_size(*, least: int, most: int) -> Field:
    """Return the option for the size of a root disk that comes from an image."""
    return Field(
        "disk_gib",
        "Root disk size (GiB)",
        "At least the image's size, which is the default.",
        number=True,
        whole=True,
        least=least,
        most=most,
    )
