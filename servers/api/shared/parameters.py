"""Numbers in query strings, and the error for a wrong parameter."""

from servers.errors import InvalidError


def refuse(name: str, message: str) -> InvalidError:
    """Return the error for a wrong parameter."""
    return InvalidError(f"{name}: {message}", fields={name: [message]})


def read_number(name: str, text: str, least: int, most: int) -> int:
    """Return the whole number that a parameter is, or raise InvalidError."""
    if text.isascii() and text.isdigit() and len(text) < 20:
        number = int(text)
        if least <= number <= most:
            return number
    raise refuse(name, f"Use a whole number from {least} to {most}.")
