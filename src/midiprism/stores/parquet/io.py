"""Writes rows to Parquet files and reads them: compression, row groups, checksums.

Small row groups let one track be read alone; every page has a checksum.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate
from typing import Any

from midiprism.errors import StoreError
from midiprism.stores.parquet.schema import DIGEST_COLUMN, MUSIC_COLUMN, ParquetColumn, import_pyarrow

COMPRESSION = "zstd"
COMPRESSION_LEVEL = 1
"""Level 3 makes files a tenth smaller and takes a third longer."""


def row_ranges(sizes: Sequence[int], max_rows: int, max_bytes: int) -> Iterator[tuple[int, int]]:
    """Divide rows of these sizes; return for each part its first row and the row after its last.

    A part has at most ``max_rows`` rows and ``max_bytes`` bytes, unless it is a single row.
    """
    ends = list(accumulate(sizes))
    first = before = 0
    while first < len(ends):
        last = bisect_right(ends, before + max_bytes, first, min(first + max_rows, len(ends)))
        last = max(last, first + 1)
        yield first, last
        first, before = last, ends[last - 1]


def coalesce(tables: Iterable[Any], min_rows: int) -> Iterator[Any]:
    """Return the same tables, joined so that each but the last has at least ``min_rows`` rows."""
    waiting: list[Any] = []
    count = 0
    for table in tables:
        waiting.append(table)
        count += len(table)
        if count >= min_rows:
            yield import_pyarrow().concat_tables(waiting)
            waiting, count = [], 0
    if waiting:
        yield import_pyarrow().concat_tables(waiting)


def open_writer(sink: Any, schema: Any, columns: Sequence[ParquetColumn]) -> Any:
    """Return a ``pyarrow.parquet.ParquetWriter`` to a sink; the caller closes it."""
    return import_pyarrow().parquet.ParquetWriter(
        sink,
        schema,
        compression=COMPRESSION,
        compression_level=COMPRESSION_LEVEL,
        use_dictionary=[column.name for column in columns if column.low_cardinality],
        # Binary columns are not searched, so they get no minimum and maximum.
        write_statistics=[column.name for column in columns if column.type != "binary"],
        write_page_index=True,
        write_page_checksum=True,
    )


def open_reader(source: Any) -> Any:
    """Return a ``pyarrow.parquet.ParquetFile`` that checks every page that it reads."""
    return import_pyarrow().parquet.ParquetFile(source, page_checksum_verification=True, pre_buffer=False)


class RowGroups:
    """Finds the row group of a row.

    Args:
        file: a ``ParquetFile``.
    """

    def __init__(self, file: Any) -> None:
        metadata = file.metadata
        counts = (metadata.row_group(group).num_rows for group in range(metadata.num_row_groups))
        self._starts = list(accumulate(counts, initial=0))

    def locate(self, row: int) -> tuple[int, int]:
        """Return the row group of a row of the file, and the row's index there."""
        if not 0 <= row < self._starts[-1]:
            raise StoreError(f"It has {self._starts[-1]:,} rows, and row {row:,} is not among them.")
        group = bisect_right(self._starts, row) - 1
        return group, row - self._starts[group]


def read_group_tracks(file: Any, group: int) -> list[tuple[bytes, bytes]]:
    """Return digest and bytes of each track of a row group, in order, unchecked."""
    table = file.read_row_group(group, columns=[DIGEST_COLUMN, MUSIC_COLUMN])
    digests, contents = table.column(DIGEST_COLUMN).to_pylist(), table.column(MUSIC_COLUMN).to_pylist()
    return [(bytes.fromhex(digest), bytes(data)) for digest, data in zip(digests, contents, strict=True)]


def parquet_errors() -> tuple[type[Exception], ...]:
    """Return the errors that pyarrow raises for a damaged file, in addition to OSError."""
    return ValueError, TypeError, MemoryError, import_pyarrow().ArrowException
