"""Words that depend on a number, the same in every sentence."""


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
