"""Words that depend on a number, the same in every sentence."""

from decimal import Decimal


def count_of(number: int, what: str) -> str:
    """Return ``1 server`` or ``2 servers``."""
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def make_printable(text: str) -> str:
    """Return a stranger's text as one line that pages, databases and terminals take."""
    line = " ".join(text.split())
    return "".join(each if each.isprintable() else "?" for each in line)


def say_duration(seconds: float) -> str:
    """Return a duration in readable form: 0.4 s, 38 s, 3 min 5 s, 1 h."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if minutes else f"{hours} h"


def say_amount(amount: Decimal, currency: str = "") -> str:
    """Return an amount of money, small ones with more places: 12.34 EUR, 0.0042 USD."""
    places = 2 if amount >= 1 or not amount else 4
    return f"{amount:,.{places}f} {currency}".rstrip()


def say_price(per_hour: Decimal, currency: str = "") -> str:
    """Return a price as it was set, without zeros at its end: 0.0425 EUR."""
    return f"{per_hour.normalize():f} {currency}".rstrip()
