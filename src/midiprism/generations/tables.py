"""The tables of a result in object storage that no other result has, as Parquet files in memory."""

import contextlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from midiprism.generations.errors import GenerationError
from midiprism.generations.layout import GROUPS, LINKS, PATHS, SONGS, TRACKS
from midiprism.stores.parquet.io import open_reader, open_writer, parquet_errors
from midiprism.stores.parquet.schema import (
    LINK_COLUMNS,
    SONG_COLUMNS,
    TRACK_COLUMNS,
    ColumnValues,
    ParquetColumn,
    are_columns,
    import_pyarrow,
    make_schema,
    make_table,
)

PLAN_COLUMNS = (
    ParquetColumn("path", "string", description="key of the song below the URL of its source"),
    ParquetColumn("size", "int64", description="bytes of the song"),
    ParquetColumn("mtime_ns", "int64", description="time at which it was put, in nanoseconds since 1970"),
    ParquetColumn("etag", "string", description="ETag, which changes whenever the song does"),
)

PATH_COLUMNS = (
    *PLAN_COLUMNS,
    ParquetColumn("blake3", "string", description="BLAKE3 of the song's bytes; null where it was not read"),
    ParquetColumn(
        "container",
        "string",
        description="key of the archive or Parquet file that holds it, which has a row of its own, with a "
        "slash at the end of its path; null for an object of its own",
    ),
)

_SONG_COLUMN_NAMES = (
    *("path", "size", "outcome", "format", "num_tracks", "ticks_per_quarter", "duration_ticks"),
    *("duration_seconds", "lost_bytes", "track_count"),
)
_COLUMNS_BY_NAME = {column.name: column for column in SONG_COLUMNS}

OUTCOME_COLUMNS = (
    ParquetColumn("blake3", "string", description="BLAKE3 of the song's bytes; null where it was not read"),
    *(_COLUMNS_BY_NAME[name] for name in _SONG_COLUMN_NAMES),
    ParquetColumn("problems", "string", description="[[code, message, track, offset]]; null for none"),
)
"""The same fields as in the table of songs of a local result, but for those that derive from all songs."""

GROUP_COLUMNS = (
    ParquetColumn("blake3", "string", description="BLAKE3 of the song's bytes"),
    *(_COLUMNS_BY_NAME[name] for name in ("song_group", "fold", "song_key", "song_key_strength")),
)
"""Those that derive from all songs: a row for each song whose bytes could be read."""

COLUMNS_OF: Mapping[str, Sequence[ParquetColumn]] = {
    TRACKS: TRACK_COLUMNS,
    LINKS: LINK_COLUMNS,
    SONGS: OUTCOME_COLUMNS,
    PATHS: PATH_COLUMNS,
    GROUPS: GROUP_COLUMNS,
}
"""The columns of each table of a result."""

_ROWS_AT_ONCE = 8_192


def encode_table(
    columns: Sequence[ParquetColumn], values: ColumnValues, metadata: Mapping[str, str]
) -> bytes:
    """Return a Parquet file with these columns."""
    return encode_tables(columns, (values,), metadata)


def encode_tables(
    columns: Sequence[ParquetColumn], parts: Iterable[ColumnValues], metadata: Mapping[str, str]
) -> bytes:
    """Return a Parquet file with these columns, each part of which is a row group."""
    schema = make_schema(columns, dict(metadata))
    sink = import_pyarrow().BufferOutputStream()
    with open_writer(sink, schema, columns) as writer:
        for values in parts:
            writer.write_table(make_table(columns, schema, values))
    return bytes(sink.getvalue())


def encode_rows(columns: Sequence[ParquetColumn], rows: Any, row_group_size: int | None = None) -> bytes:
    """Return a Parquet file with the rows of an Arrow table of these columns."""
    sink = import_pyarrow().BufferOutputStream()
    with open_writer(sink, rows.schema, columns) as writer:
        writer.write_table(rows, row_group_size=row_group_size)
    return bytes(sink.getvalue())


def decode_table(columns: Sequence[ParquetColumn], name: str, data: bytes) -> dict[str, list[Any]]:
    """Return the values of the columns of a Parquet file.

    Raises:
        GenerationError: it does not have these columns, or cannot be read.
    """
    rows = read_rows(columns, name, import_pyarrow().BufferReader(data))
    return {column.name: rows.column(column.name).to_pylist() for column in columns}


def read_rows(
    columns: Sequence[ParquetColumn], name: str, source: Any, wanted: Sequence[str] | None = None
) -> Any:
    """Return the rows of a Parquet file as an Arrow table.

    Args:
        columns: that the file must have, or those of an older version.
        name: of the file, for errors.
        source: of its bytes.
        wanted: names of the columns to read, as far as the file has them; None for all.

    Raises:
        GenerationError: it does not have these columns, or cannot be read.
    """
    with _read_errors(name):
        file = _open(columns, name, source)
        present = file.schema_arrow.names
        return file.read(columns=None if wanted is None else [it for it in wanted if it in present])


def iterate_rows(
    columns: Sequence[ParquetColumn], name: str, data: bytes, wanted: Sequence[str]
) -> Iterator[tuple[Any, ...]]:
    """Yield the values of some columns of a Parquet file, row by row; few of them are in memory at a time.

    Args:
        columns: that the file must have.
        name: of the file, for errors.
        data: its bytes.
        wanted: names of the columns to read.

    Raises:
        GenerationError: it does not have these columns, or cannot be read.
    """
    with _read_errors(name):
        file = _open(columns, name, import_pyarrow().BufferReader(data))
        parts = file.iter_batches(_ROWS_AT_ONCE, columns=[*wanted], use_threads=False)
    while True:
        with _read_errors(name):
            part = next(parts, None)
            if part is None:
                return
            values = [part.column(it).to_pylist() for it in wanted]
        yield from zip(*values, strict=True)


def _open(columns: Sequence[ParquetColumn], name: str, source: Any) -> Any:
    file = open_reader(source)
    if not are_columns(file.schema_arrow.names, columns):
        raise GenerationError(f"{name} does not have the columns that midiprism writes.")
    return file


@contextlib.contextmanager
def _read_errors(name: str) -> Iterator[None]:
    errors: tuple[type[Exception], ...] = (OSError, *parquet_errors())
    try:
        yield
    except errors as error:
        raise GenerationError(f"{name} cannot be read as Parquet: {error}.") from error
