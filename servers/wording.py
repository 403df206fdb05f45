"""Words that depend on a number, the same in every sentence."""


def count_of(number: int, what: str) -> str:
    """Return ``1 server`` or ``2 servers``."""
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
