"""Estimate the memory that values of a Parquet file take, before they are decoded."""

from typing import Any

from midiprism.sources.file_cache import OpenFile

MAX_DECODED_BYTES = 64 << 20
"""Rows are decoded together as long as their values take no more, whatever they are; at least one row is."""

_MAX_PAGE_HEADER_BYTES = 64
_COMPACT_I32 = 5
_VARINT_CONTINUES = 0x80


def rows_to_decode(file: OpenFile, group: Any, paths: tuple[str, ...], most: int) -> int:
    """Return how many rows of a row group are decoded together.

    A value that recurs is stored once, in a dictionary, so that a small file can ask for any number of copies
    of a large one.

    Args:
        file: the Parquet file.
        group: metadata of the row group.
        paths: columns that are decoded, or that lie within one that is.
        most: most rows.
    """
    row_bytes = 0
    for place in range(group.num_columns):
        chunk = group.column(place)
        if chunk.path_in_schema in paths or chunk.path_in_schema.startswith(tuple(f"{it}." for it in paths)):
            average = chunk.total_uncompressed_size // max(group.num_rows, 1)
            row_bytes += max(average, _dictionary_bytes(file, chunk))
    return max(1, min(most, MAX_DECODED_BYTES // max(row_bytes, 1)))


def _dictionary_bytes(file: OpenFile, chunk: Any) -> int:
    """Return the size of a column chunk's dictionary, which no value in it exceeds; 0 without one."""
    if not chunk.has_dictionary_page:
        return 0
    header = file.read_at(chunk.dictionary_page_offset, _MAX_PAGE_HEADER_BYTES)
    size = _uncompressed_page_size(header)
    return chunk.total_uncompressed_size if size is None else size


def _uncompressed_page_size(header: bytes) -> int | None:
    """Return the second field of a page header in Thrift's compact protocol; None if it is not there."""
    position = 0
    value = None
    for _ in range(2):  # the type of the page, then its size: each a byte for the field, then a number
        if header[position : position + 1] != bytes([1 << 4 | _COMPACT_I32]):
            return None
        value, shift, position = 0, 0, position + 1
        while True:
            if position >= len(header):
                return None
            byte = header[position]
            value |= (byte & ~_VARINT_CONTINUES) << shift
            shift, position = shift + 7, position + 1
            if not byte & _VARINT_CONTINUES:
                break
        value = value >> 1 ^ -(value & 1)
    return value
