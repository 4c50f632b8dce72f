"""Values of Parquet columns as values that JSON can hold."""

import math
from typing import Any


def kept_value(scalar: Any) -> Any:
    """Return a scalar of pyarrow as a value for ``json.dumps`` with ``default=str``.

    An infinite number becomes None. A date, time or duration that Python cannot represent becomes the whole
    number that the file holds.
    """
    try:
        return _finite(scalar.as_py())
    except Exception:  # noqa: BLE001 - such as OverflowError; which exceptions there are is not documented
        return _raw_value(scalar)


def _raw_value(scalar: Any) -> Any:
    import pyarrow

    if not scalar.is_valid:
        return None
    if isinstance(scalar, pyarrow.StructScalar):
        return {name: kept_value(scalar[name]) for name in scalar}
    values = getattr(scalar, "values", None)
    if isinstance(values, pyarrow.Array):
        return [kept_value(value) for value in values]
    value = getattr(scalar, "value", None)
    return value if isinstance(value, int) else None


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _finite(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):  # a map is a list of pairs
        return [_finite(inner) for inner in value]
    return value
