"""Values of Parquet columns: as names of songs, and as values that JSON can hold."""

import math
import re
from typing import Any

from midiprism.smf.riff import RIFF_HEADER_SIZE, SONG_CHUNKS, is_rmid
from midiprism.sources.file_types import MAX_NAME_BYTES
from midiprism.sources.parquet_types import is_text

_MAX_UTF8_BYTES = 4
_CONTROL_CHARACTERS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")


def plain_cell(cell: Any) -> Any:
    """Return a scalar of pyarrow as it is without a dictionary."""
    return cell.value if hasattr(cell, "dictionary") else cell


def begins_as_song(cell: Any) -> bool:
    """Return whether a value of text or bytes begins as a MIDI file does."""
    head = bytes(memoryview(cell.as_buffer())[:RIFF_HEADER_SIZE]) if cell.is_valid else b""
    return head.startswith(SONG_CHUNKS) or is_rmid(head)


def kept_value(scalar: Any) -> Any:
    """Return a scalar of pyarrow as a value for ``json.dumps`` with ``default=str``.

    An infinite number becomes None. Bytes become a text, as those of a name do. A date, time or duration that
    Python cannot represent becomes the whole number that the file holds.
    """
    if scalar.is_valid and hasattr(scalar, "as_buffer"):
        return _text_of_bytes(bytes(memoryview(scalar.as_buffer())), scalar.type)
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
    """Return the name of a song from its scalar, cut where no name of a file is as long; None for no name.

    Bytes name a song as the text that they are, or else by hexadecimal digits.
    """
    if not cell.is_valid:
        return None
    if not hasattr(cell, "as_buffer"):  # a number, or a UUID
        return str(cell.as_py())
    data = memoryview(cell.as_buffer())
    if not is_text(cell.type):
        return _text_of_bytes(_cut(data), cell.type)[:MAX_NAME_BYTES]
    try:
        return _cut(data).decode()
    except UnicodeDecodeError:
        return None


def _cut(data: memoryview) -> bytes:
    """Return the bytes that a name can have at most, without part of a character at their end."""
    end = min(len(data), MAX_NAME_BYTES)
    while MAX_NAME_BYTES - _MAX_UTF8_BYTES < end < len(data) and data[end] & 0xC0 == 0x80:
        end -= 1
    return bytes(data[:end])


def _text_of_bytes(data: bytes, arrow_type: Any) -> str:
    """Return bytes as text if they are UTF-8, or else as hexadecimal digits.

    Bytes that are not marked as text are digits also if they have control characters, or a fixed length, as
    digests have.
    """
    if not str(arrow_type).startswith("fixed_size_binary"):
        try:
            text = data.decode()
        except UnicodeDecodeError:
            return data.hex()
        if is_text(arrow_type) or not _CONTROL_CHARACTERS.search(text):
            return text
    return data.hex()


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
