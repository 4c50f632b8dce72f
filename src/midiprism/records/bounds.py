"""Numbers of a source as columns of a database can hold them."""

_MAX_INT64 = (1 << 63) - 1
_MAX_INT32 = (1 << 31) - 1


def clamp_to_int64(value: int) -> int:
    """Return a number, or the nearest that 64 bits hold."""
    return max(-_MAX_INT64, min(value, _MAX_INT64))


def int32_or_none(value: int | None) -> int | None:
    """Return a number; None if 32 bits do not hold it."""
    return value if value is None or -_MAX_INT32 <= value <= _MAX_INT32 else None
