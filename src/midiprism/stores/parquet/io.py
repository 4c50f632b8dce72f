"""Rows to the bytes of a Parquet file and back: how it is compressed, divided, checked and read.

Small row groups let one track be read alone; every page has a checksum.
"""

import contextlib
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate
from typing import Any

from midiprism.errors import StoreError
from midiprism.stores.parquet.schema import DIGEST_COLUMN, MUSIC_COLUMN, ParquetColumn, import_pyarrow

COMPRESSION = "zstd"
COMPRESSION_LEVEL = 1
"""Level 3 makes files a tenth smaller, and takes a third longer."""


def row_ranges(sizes: Sequence[int], max_rows: int, max_bytes: int) -> Iterator[tuple[int, int]]:
    """Rows of these sizes divided: the first row of each part, and the one behind its last.

    A part has at most so many rows, and so many bytes, unless it is a single row.
    """
    ends = list(accumulate(sizes))
    first = before = 0
    while first < len(ends):
        last = bisect_right(ends, before + max_bytes, first, min(first + max_rows, len(ends)))
        last = max(last, first + 1)
        yield first, last
        first, before = last, ends[last - 1]


def coalesce(tables: Iterable[Any], min_rows: int) -> Iterator[Any]:
    """The same tables, joined so that each but the last has at least so many rows."""
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
    """A ``pyarrow.parquet.ParquetWriter`` to a sink, which is to be closed."""
    return import_pyarrow().parquet.ParquetWriter(
        sink,
        schema,
        compression=COMPRESSION,
        compression_level=COMPRESSION_LEVEL,
        use_dictionary=[column.name for column in columns if column.low_cardinality],
        # What no one searches by has no smallest and no largest value.
        write_statistics=[column.name for column in columns if column.type != "binary"],
        write_page_index=True,
        write_page_checksum=True,
    )


def open_reader(source: Any) -> Any:
    """A ``pyarrow.parquet.ParquetFile``, which checks every page that it reads."""
    return import_pyarrow().parquet.ParquetFile(source, page_checksum_verification=True, pre_buffer=False)


class RowGroups:
    """Where the rows of a file are.

    Args:
        file: a ``ParquetFile``.
    """

    def __init__(self, file: Any) -> None:
        metadata = file.metadata
        counts = (metadata.row_group(group).num_rows for group in range(metadata.num_row_groups))
        self._starts = list(accumulate(counts, initial=0))

    def locate(self, row: int) -> tuple[int, int]:
        """The row group of a row of the file, and its row there."""
        if not 0 <= row < self._starts[-1]:
            raise StoreError(f"It has {self._starts[-1]:,} rows, and none of number {row:,}.")
        group = bisect_right(self._starts, row) - 1
        return group, row - self._starts[group]


def read_group_tracks(file: Any, group: int) -> list[tuple[bytes, bytes]]:
    """Digests and contents of a row group, in order, as they stand there."""
    table = file.read_row_group(group, columns=[DIGEST_COLUMN, MUSIC_COLUMN])
    digests, contents = table.column(DIGEST_COLUMN).to_pylist(), table.column(MUSIC_COLUMN).to_pylist()
    return [(bytes.fromhex(digest), bytes(data)) for digest, data in zip(digests, contents, strict=True)]


@contextlib.contextmanager
def wrap_read_errors(shard_name: str) -> Iterator[None]:
    """Whatever cannot be read of a file becomes a StoreError that names it."""
    try:
        yield
    except StoreError as error:
        raise StoreError(f"{shard_name} cannot be read: {error}") from error
    except FileNotFoundError as error:
        raise StoreError(f"{shard_name} is not there.") from error
    except (OSError, ValueError, TypeError, MemoryError, import_pyarrow().ArrowException) as error:
        lines = str(error).splitlines() or [type(error).__name__]
        raise StoreError(f"{shard_name} cannot be read: {lines[0].rstrip('.')}.") from error
