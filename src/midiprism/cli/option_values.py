"""Parse the values of options."""

from midiprism.errors import UsageError

_SIZE_UNITS = {"K": 10, "M": 20, "G": 30}


def parse_auto_int(option: str, text: str, minimum: int, maximum: int) -> int | None:
    """Return the number given to ``option``; None for ``auto``.

    Raises:
        UsageError: it is neither ``auto`` nor a number in range.
    """
    if text == "auto":
        return None
    if not (text.isascii() and text.isdecimal()) or not minimum <= int(text[:20]) <= maximum:
        raise UsageError(
            f"{option} {text} is not valid: give auto, or a number from {minimum} to {maximum:,}."
        )
    return int(text)


def parse_size(option: str, text: str, minimum: int, maximum: int) -> int:
    """Return the bytes of a size such as ``256M``, ``1G`` or ``100000000``.

    Raises:
        UsageError: it is no size, or out of range.
    """
    number, shift = text.strip().upper().removesuffix("B"), 0
    if number[-1:] in _SIZE_UNITS:
        number, shift = number[:-1], _SIZE_UNITS[number[-1]]
    if number.isascii() and number.isdecimal() and minimum <= int(number[:20]) << shift <= maximum:
        return int(number) << shift
    raise UsageError(
        f"{option} {text} is not valid: give a size such as 256M, of {minimum:,} to {maximum:,} bytes."
    )


def parse_share(sample: str) -> float:
    """Return the share, above 0 and at most 1, that ``--sample`` gives as a percentage.

    Raises:
        UsageError: it is no percentage.
    """
    try:
        percent = float(sample.strip().removesuffix("%"))
    except ValueError:
        percent = 0.0
    if not 0 < percent <= 100:
        raise UsageError(f"--sample {sample} is not a percentage such as 2%: more than 0, at most 100.")
    return percent / 100
