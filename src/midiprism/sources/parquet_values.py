"""Values of Parquet columns: as names of songs, and as values that JSON can hold."""

import math
from typing import Any

from midiprism.sources.file_types import MAX_NAME_BYTES


def kept_value(scalar: Any) -> Any:
    """Return a scalar of pyarrow as a value for ``json.dumps`` with ``default=str``.

    An infinite number becomes None. A date, time or duration that Python cannot represent becomes the whole
    number that the file holds.
    """
    try:
        return _finite(scalar.as_py())
    except Exception:  # noqa: BLE001 - such as OverflowError; which exceptions there are is not documented
        return _raw_value(scalar)


def kept_bytes(batch: Any, row_index: int, columns: tuple[str, ...]) -> int:
    """Return how many bytes the values of these columns take, or those of the structs that they are in."""
    total = 0
    for name in columns:
        place = batch.schema.get_field_index(name)
        place = batch.schema.get_field_index(name.rpartition(".")[0]) if place < 0 else place
        value = batch.column(place).slice(row_index, 1)
        total += (value.dictionary_decode() if hasattr(value, "dictionary") else value).nbytes
    return total


def name_of(cell: Any) -> str | None:
    """Return the name of a song from its scalar, cut where no name of a file is as long; None for no name."""
    cell = getattr(cell, "value", cell) if hasattr(cell, "dictionary") else cell
    if not cell.is_valid:
        return None
    if not hasattr(cell, "as_buffer"):  # a number
        return str(cell.as_py())
    data = memoryview(cell.as_buffer())
    try:
        return bytes(data[:MAX_NAME_BYTES]).decode(
            "utf-8", "strict" if len(data) <= MAX_NAME_BYTES else "ignore"
        )
    except UnicodeDecodeError:
        return None


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
