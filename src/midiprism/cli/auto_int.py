"""Counts that may be ``auto``."""

from midiprism.errors import UsageError


def parse_auto_int(option: str, text: str, minimum: int, maximum: int) -> int | None:
    """What was given to ``option``; None for ``auto``.

    Raises:
        UsageError: it is neither a number nor ``auto``, or out of range.
    """
    if text == "auto":
        return None
    if not (text.isascii() and text.isdecimal()) or not minimum <= int(text[:20]) <= maximum:
        raise UsageError(f"{option} {text} is not auto or a number from {minimum} to {maximum:,}.")
    return int(text)
