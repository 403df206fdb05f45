"""Take secrets out of what the other side answered."""

from typing import Any, Final

_LEAST_SECRET: Final = 4  # shorter texts are no secrets, and would mask plain words


def mask(message: str, secrets: tuple[str, ...]) -> str:
    """Return a message without any of ``secrets``, should a cloud repeat them."""
    for secret in secrets:
        if len(secret) >= _LEAST_SECRET:
            message = message.replace(secret, "***")
    return message


def mask_texts(data: Any, secrets: tuple[str, ...]) -> None:
    """Replace ``secrets`` in all texts within a JSON value, but not in its names."""
    left = [data]
    while left:
        part = left.pop()
        inner: Any = part.items() if isinstance(part, dict) else ()
        if isinstance(part, list):
            inner = enumerate(part)
        for name, value in list(inner):
            if isinstance(value, str):
                part[name] = mask(value, secrets)
            else:
                left.append(value)
