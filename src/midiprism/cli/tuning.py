"""Counts that may be ``auto``."""

from midiprism.errors import UsageError


def number(option: str, text: str, least: int, most: int) -> int | None:
    """What was given to ``option``; None for ``auto``.

    Raises:
        UsageError: it is neither a number nor ``auto``, or out of range.
    """
    if text == "auto":
        return None
    if not (text.isascii() and text.isdecimal()) or not least <= int(text[:20]) <= most:
        raise UsageError(f"{option} {text} is not auto or a number from {least} to {most:,}.")
    return int(text)
